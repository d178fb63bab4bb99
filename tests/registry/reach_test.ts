import assert from "node:assert/strict";
import type { Credentials } from "../../src/registry/mod.ts";
import { digestOf, parseReference } from "../../src/oci/mod.ts";
import { FakeRegistry } from "../image/support/fake_registry.ts";
import { sampleImage } from "../image/support/samples.ts";
import { caller, resolve } from "./support/caller.ts";
import { TestAuthority } from "./support/certificates.ts";
import { RealRegistry } from "./support/real_registry.ts";
import { listenSocks } from "./support/socks.ts";
import { TestProxy } from "./support/proxy.ts";

const IMAGE = sampleImage({ bytesPerLayer: 5000 });
const DIGEST = IMAGE.target.digest;

async function secure(authority: TestAuthority, names?: string, days?: number) {
  const registry = new FakeRegistry(await authority.server(names, days));
  registry.add("team/app:1", IMAGE);
  return registry;
}

Deno.test("a private authority is believed where it is named, and nowhere else", async (t) => {
  await using authority = await TestAuthority.make();
  await using registry = await secure(authority);
  const { host } = registry;
  const scheme = "https";
  await t.step("unknown: the sentence says where to put it", async () => {
    assert.equal(
      await resolve(host, { scheme, environment: { HOME: "/home/user" } }),
      'unavailable: cannot pull "HOST/team/app:1": cannot reach the registry HOST: its certificate ' +
        "is not trusted: the authority is not known (put the certificate of its authority into " +
        '~/.config/docker/certs.d/HOST/ca.crt, or name it as "ca" in registries.toml)',
    );
    assert.deepEqual(registry.asked, []);
  });
  await t.step("in registries.toml", async () => {
    const toml = `[host."${host}"]\nca = "${authority.path}"\n`;
    assert.equal(await resolve(host, { scheme, toml }), DIGEST);
  });
  await t.step("in certs.d", async () => {
    const home = await Deno.makeTempDir();
    await Deno.mkdir(`${home}/.config/docker/certs.d/${host}`, { recursive: true });
    await Deno.copyFile(authority.path, `${home}/.config/docker/certs.d/${host}/ca.crt`);
    assert.equal(await resolve(host, { scheme, environment: { HOME: home } }), DIGEST);
    await Deno.remove(home, { recursive: true });
  });
  await t.step("in SSL_CERT_FILE and SSL_CERT_DIR", async () => {
    const { folder, path } = authority;
    assert.equal(await resolve(host, { scheme, environment: { SSL_CERT_FILE: path } }), DIGEST);
    assert.equal(await resolve(host, { scheme, environment: { SSL_CERT_DIR: folder } }), DIGEST);
    assert.match(
      await resolve(host, { scheme, environment: { SSL_CERT_FILE: `${folder}/none` } }),
      /^usage: cannot use "\/.*none" \(SSL_CERT_FILE\): there is no such file$/,
    );
  });
  await t.step("for another host", async () => {
    const toml = `[host."other.example"]\nca = "${authority.path}"\n`;
    assert.match(await resolve(host, { scheme, toml }), /authority is not known/);
  });
  await t.step("a file without a certificate", async () => {
    const toml = `[host."${host}"]\nca = "${authority.folder}/one.csr"\n`;
    assert.match(
      await resolve(host, { scheme, toml }),
      /^usage: cannot use ".*one.csr" \(registries.toml\): it holds no certificate/,
    );
  });
});

Deno.test("certificates that are over, or another's, are told apart; skip_verify takes them", async () => {
  await using authority = await TestAuthority.make();
  const cases = [
    ["IP:127.0.0.1", -1, "its certificate is out of date"],
    ["DNS:other.example", 5, "its certificate is for another name"],
  ] as const;
  for (const [names, days, fact] of cases) {
    await using registry = await secure(authority, names, days);
    const { host } = registry;
    const trusted = { environment: { SSL_CERT_FILE: authority.path }, scheme: "https" } as const;
    assert.match(
      await resolve(host, trusted),
      new RegExp(`cannot reach the registry HOST: ${fact}`),
    );
    const toml = `[host."${host}"]\nskip_verify = true\n`;
    assert.equal(await resolve(host, { scheme: "https", toml }), DIGEST);
    const reference = parseReference(`${host}/team/app:1`);
    const { bytes } = await caller({ toml }).manifest(reference, { scheme: "https" });
    assert.equal(digestOf(bytes), DIGEST);
    const layer = IMAGE.layers[0]!;
    const parts: number[] = [];
    for await (const part of await caller({ toml }).blob(reference, layer, { scheme: "https" })) {
      parts.push(...part);
    }
    assert.equal(digestOf(new Uint8Array(parts)), layer.digest);
  }
});

Deno.test("HTTPS never becomes plain HTTP", async () => {
  await using registry = new FakeRegistry();
  registry.add("team/app:1", IMAGE);
  const { host } = registry;
  assert.equal(
    await resolve(host, { scheme: "https" }),
    'unavailable: cannot pull "HOST/team/app:1": cannot reach the registry HOST: it does not speak TLS ' +
      "(for plain HTTP add: --scheme http)",
  );
  const toml = `[host."${host}"]\nhttp = false\n`;
  assert.match(await resolve(host, { toml }), /it does not speak TLS/);
  assert.deepEqual(registry.asked, []);
  assert.equal(await resolve(host), DIGEST);
});

Deno.test("a registry that is not there is given up at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const deadlines = { firstPauseMs: 250, maxPauseMs: 30_000 };
  const began = performance.now();
  assert.equal(
    await resolve(`127.0.0.1:${port}`, { deadlines }),
    'unavailable: cannot pull "HOST/team/app:1": cannot reach the registry HOST: the connection was refused',
  );
  assert.ok(performance.now() - began < 1500, `${performance.now() - began} ms`);
  assert.equal(
    await resolve("registry.invalid", { deadlines }),
    'unavailable: cannot pull "HOST/team/app:1": cannot reach the registry HOST: its name is not known',
  );
});

Deno.test("a blocked registry is not asked", async () => {
  await using registry = new FakeRegistry();
  const toml = `[host."${registry.host}"]\nblocked = true\n`;
  assert.equal(
    await resolve(registry.host, { toml }),
    'denied: cannot pull "HOST/team/app:1": the registry HOST is blocked ' +
      '(see "/etc/ctr-test/registries.toml")',
  );
  assert.deepEqual(registry.asked, []);
});

Deno.test("proxies: HTTP and HTTPS, with a login, for all hosts or for one", async (t) => {
  await using authority = await TestAuthority.make();
  await using registry = await secure(authority, "DNS:registry.invalid");
  await using plain = new FakeRegistry();
  plain.add("team/app:1", IMAGE);
  await using proxy = await TestProxy.listen(Number(registry.host.split(":")[1]));
  await using plainProxy = await TestProxy.listen(Number(plain.host.split(":")[1]));
  const trusted = { SSL_CERT_FILE: authority.path };
  const host = "registry.invalid";
  await t.step("CONNECT; the proxy looks up the name", async () => {
    const environment = { ...trusted, HTTPS_PROXY: `http://${proxy.host}` };
    assert.equal(await resolve(host, { environment }), DIGEST);
    assert.deepEqual(proxy.asked, ["CONNECT registry.invalid:443 HTTP/1.1"]);
  });
  await t.step("plain HTTP", async () => {
    const environment = { http_proxy: plainProxy.host };
    assert.equal(await resolve(host, { environment, scheme: "http" }), DIGEST);
    assert.match(plainProxy.asked[0]!, /^HEAD http:\/\/registry.invalid\/v2\/team\/app/);
  });
  await t.step("a login", async () => {
    proxy.login = "ann:p@ss";
    const good = { ...trusted, https_proxy: `http://ann:p%40ss@${proxy.host}` };
    assert.equal(await resolve(host, { environment: good }), DIGEST);
    const bad = { ...trusted, https_proxy: `http://ann:wrong-word@${proxy.host}` };
    const sentence = await resolve(host, { environment: bad });
    assert.match(sentence, /^denied: .*the proxy wants a user name and a password/);
    assert.ok(!sentence.includes("wrong-word"), sentence);
    proxy.login = undefined;
  });
  await t.step("NO_PROXY, and the settings of one host", async () => {
    const before = proxy.asked.length;
    const environment = { ...trusted, HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: ".invalid" };
    assert.match(await resolve(host, { environment }), /its name is not known/);
    const none = `[host."${host}"]\nproxy = "none"\n`;
    const everywhere = { ...trusted, ALL_PROXY: `http://${proxy.host}` };
    assert.match(await resolve(host, { environment: everywhere, toml: none }), /name is not known/);
    assert.equal(proxy.asked.length, before);
    const toml = `[host."*.invalid"]\nproxy = "http://${proxy.host}"\n`;
    assert.equal(await resolve(host, { environment: trusted, toml }), DIGEST);
  });
  await t.step("one that is not there", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const environment = { HTTPS_PROXY: `http://ann:secret-word@127.0.0.1:${port}` };
    const sentence = await resolve(host, { environment });
    assert.match(sentence, new RegExp(`the proxy 127.0.0.1:${port} refuses the connection`));
    assert.ok(!sentence.includes("secret-word"), sentence);
  });
});

Deno.test("SOCKS5 proxies look up names, and take a login", async () => {
  await using registry = new FakeRegistry();
  registry.add("team/app:1", IMAGE);
  await using proxy = await listenSocks(Number(registry.host.split(":")[1]));
  const scheme = "http";
  const all = (login: string) => ({ ALL_PROXY: `socks5h://${login}${proxy.host}` });
  assert.equal(await resolve("one.invalid", { scheme, environment: all("") }), DIGEST);
  assert.equal(await resolve("two.invalid", { scheme, environment: all("ann:pw@") }), DIGEST);
  assert.deepEqual(proxy.asked, ["one.invalid", "ann:pw", "two.invalid"]);
});

const real = await RealRegistry.available();
Deno.test({
  name: `a real registry over TLS takes blobs, with a certificate of ours and with skip_verify${
    real ? "" : " (skipped: docker-registry is not installed)"
  }`,
  ignore: !real,
  async fn(t) {
    await using authority = await TestAuthority.make();
    const ann: Credentials = { kind: "basic", username: "ann", password: "secret-word" };
    const credentials = [{ name: "test", find: () => Promise.resolve(ann) }];
    const bytes = new Uint8Array(3 * 1024 * 1024).map((_, at) => at * 7);
    const descriptor = { digest: digestOf(bytes), size: bytes.length };
    const source = {
      async *read(offset: number, length: number) {
        const pieces = [bytes.slice(offset, offset + length)];
        yield* await Promise.resolve(pieces);
      },
    };
    const sendAndFetch = async (host: string, toml: string) => {
      const registry = caller({ toml, credentials });
      const reference = parseReference(`${host}/team/app:1`);
      const call = { scheme: "https" } as const;
      assert.equal(await registry.upload(reference, descriptor, source, call), "uploaded");
      assert.equal(await registry.has(reference, descriptor, call), true);
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for await (const part of await registry.blob(reference, descriptor, call)) {
        parts.push(part.slice());
      }
      assert.equal(digestOf(await new Blob(parts).bytes()), descriptor.digest);
    };
    await t.step("skip_verify", async () => {
      await using registry = await RealRegistry.start(await authority.server("DNS:other.example"));
      const { host } = registry;
      await sendAndFetch(host, `[host."${host}"]\nskip_verify = true\n`);
    });
    await t.step("a certificate of ours", async () => {
      const pair = await authority.server();
      await using registry = await RealRegistry.start({ ...pair, clients: authority.path });
      const { host } = registry;
      await Deno.writeTextFile(`${authority.folder}/me.crt`, pair.cert);
      const settings = `[host."${host}"]\nca = "${authority.path}"\n`;
      const me = `cert = "${authority.folder}/me.crt"\nkey = "${authority.folder}/one.key"\n`;
      assert.match(
        await resolve(host, { scheme: "https", toml: settings }),
        /it wants a certificate of ours \(name them as "cert" and "key" in registries.toml\)$/,
      );
      await sendAndFetch(host, settings + me);
    });
  },
});
