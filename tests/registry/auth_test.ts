import assert from "node:assert/strict";
import { parseReference } from "../../src/oci/mod.ts";
import type { Credentials } from "../../src/registry/mod.ts";
import { FakeRegistry } from "../image/support/fake_registry.ts";
import { sampleImage } from "../image/support/samples.ts";
import { caller, type CallerOptions, resolve } from "./support/caller.ts";

const IMAGE = sampleImage({ bytesPerLayer: 5000 });
const ANN: Credentials = { kind: "basic", username: "ann", password: "secret-word" };
const asAnn: CallerOptions = {
  credentials: [{ name: "test", find: () => Promise.resolve(ANN) }],
};

/** A registry that wants a token of `realm`; answers of `/token` are the test's. */
function withTokens(answer: (headers: Headers) => Response, realm?: string): FakeRegistry {
  const registry = new FakeRegistry();
  registry.add("team/app:1", IMAGE);
  registry.authorization = "Bearer good";
  registry.challenge = `Bearer realm="${realm ?? `http://${registry.host}/token`}",service="s"`;
  registry.faults.push(({ path, headers }) => path === "/token" ? answer(headers) : undefined);
  return registry;
}

const FAILED = 'cannot pull "HOST/team/app:1": ';

Deno.test("a hostile token server gets nothing and does no harm", async (t) => {
  await t.step("an answer without an end", async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    });
    await using registry = withTokens(() => new Response(endless));
    assert.match(
      await resolve(registry.host, asAnn),
      new RegExp(`^too-large: ${FAILED}HOST sent a document of more than 65536 bytes`),
    );
  });
  await t.step("a token that is no header", async () => {
    await using registry = withTokens(() => Response.json({ token: "a\r\nb: c" }));
    assert.match(await resolve(registry.host, asAnn), /token server of HOST sent no token/);
  });
  await t.step("a redirect to another host, which does not see the password", async () => {
    const seen: (string | null)[] = [];
    await using other = withTokens((headers) => {
      seen.push(headers.get("authorization"));
      return Response.json({ token: "stolen" });
    });
    await using registry = withTokens(() =>
      new Response(null, { status: 307, headers: { location: `http://${other.host}/token` } })
    );
    await resolve(registry.host, asAnn);
    assert.deepEqual(seen, [null]);
  });
  await t.step("one with a name and a password in its address, or that is no address", async () => {
    for (const realm of ["https://a:b@127.0.0.1:1/token", "ftp://127.0.0.1/token", "nonsense"]) {
      await using registry = withTokens(() => Response.json({ token: "good" }), realm);
      assert.equal(
        await resolve(registry.host, asAnn),
        `bad-data: ${FAILED}the registry HOST names an unsafe token server`,
      );
    }
  });
  await t.step("one that is far away and speaks plain HTTP gets no password", async () => {
    await using registry = withTokens(() => Response.json({}), "http://192.0.2.1/token");
    assert.match(
      await resolve(registry.host, asAnn),
      /^denied: .*: the password would go to 192.0.2.1 without encryption/,
    );
  });
});

Deno.test("a password goes over plain HTTP only where that is asked for", async () => {
  const sent: (string | null)[] = [];
  const fake = (_url: unknown, init?: RequestInit) => {
    sent.push(new Headers(init?.headers).get("authorization"));
    const headers = { "www-authenticate": 'Basic realm="x"' };
    return Promise.resolve(new Response("{}", { status: 401, headers }));
  };
  const near = "10.0.0.9:5000"; // `auto` speaks plain HTTP to it
  const options = { ...asAnn, fetch: fake as typeof fetch };
  assert.equal(
    await resolve(near, options),
    `denied: ${FAILED}the password would go to HOST without encryption ` +
      "(if that is meant, set http = true for it in registries.toml)",
  );
  assert.deepEqual(sent, [null]);
  const said = { ...options, toml: `[host."${near}"]\nhttp = true\n` };
  assert.match(await resolve(near, said), /^nothing/);
  assert.ok(/Basic /.test(sent.join()));
  sent.length = 0;
  await resolve(near, { ...options, scheme: "http" });
  assert.ok(/Basic /.test(sent.join()));
});

Deno.test("what is refused says to whom", async () => {
  await using registry = new FakeRegistry();
  registry.add("team/app:1", IMAGE);
  const { host } = registry;
  let status = 401;
  registry.faults.push(({ headers }) => {
    if (headers.get("authorization") && status !== 429) return new Response("", { status });
    const challenge = { "www-authenticate": 'Basic realm="x"', "retry-after": "21600" };
    return new Response("", { status: status === 429 ? 429 : 401, headers: challenge });
  });
  const fetched = async (options: CallerOptions) => {
    try {
      await caller(options).manifest(parseReference(`${host}/team/app:1`));
      return "nothing";
    } catch (error) {
      const { message, hint } = error as Error & { hint?: string };
      return `${message} (${hint})`.replaceAll(host, "HOST");
    }
  };
  assert.equal(
    await fetched({}),
    `${FAILED}the registry HOST wants a login, or has no such image ` +
      "(log in with: ctr registry login HOST)",
  );
  assert.equal(
    await fetched(asAnn),
    `${FAILED}the registry HOST does not let "ann" do that, or has no such image (undefined)`,
  );
  status = 403;
  assert.equal(
    await fetched(asAnn),
    `${FAILED}the registry HOST denies access to "ann" (undefined)`,
  );
  status = 429;
  assert.equal(
    await fetched({}),
    `${FAILED}the registry HOST got too many requests ` +
      "(try again in 6h, or log in for a higher limit: ctr registry login HOST)",
  );
});
