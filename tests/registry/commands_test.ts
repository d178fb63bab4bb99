import assert from "node:assert/strict";
import { runCtr } from "../cli/ctr.ts";
import { onTerminal } from "../cli/pty.ts";
import { FakeRegistry } from "../image/support/fake_registry.ts";
import { sampleImage } from "../image/support/samples.ts";
import { TestAuthority } from "./support/certificates.ts";
import { RealRegistry } from "./support/real_registry.ts";

const real = await RealRegistry.available();
const NAME = real ? "" : " (skipped: docker-registry is not installed)";

/** A home of the caller's own: no file of the machine's user is read. */
async function callerHome() {
  const path = await Deno.makeTempDir({ prefix: "ctr-caller-" });
  const env = {
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`, // of the test's ctr
    HOME: path,
    XDG_CONFIG_HOME: `${path}/.config`,
    CTR_CONFIG: `${path}/config.toml`,
    DOCKER_CONFIG: `${path}/.docker`,
    SSL_CERT_FILE: "",
    SSL_CERT_DIR: "",
  };
  const home = `${path}/ctr`;
  return {
    path,
    home,
    ctr: (args: string, stdin?: string, more: Record<string, string> = {}) =>
      runCtr(home, args.split(" "), {
        env: { ...env, ...more },
        ...(stdin !== undefined && { stdin }),
      }),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test({
  name: `login tries the password, keeps it, and a check finds it${NAME}`,
  ignore: !real,
  async fn(t) {
    await using registry = await RealRegistry.start();
    await using caller = await callerHome();
    const { host } = registry;
    const tell = ({ status, stdout, stderr }: Awaited<ReturnType<typeof runCtr>>) => [
      status,
      stdout.replaceAll(host, "HOST").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "DATE")
        .replace(/in \d+ ms/, "in N ms"),
      stderr.replaceAll(host, "HOST"),
    ];
    await t.step("a wrong password is not kept", async () => {
      assert.deepEqual(tell(await caller.ctr(`login -u ann --password-stdin ${host}`, "wrong\n")), [
        1,
        "",
        'error: cannot log in to "HOST": the registry HOST refuses the user name or the password\n',
      ]);
      assert.deepEqual(tell(await caller.ctr("registry ls -q")), [0, "", ""]);
    });
    await t.step("a check without a login says what to do", async () => {
      const [status, stdout, stderr] = tell(await caller.ctr(`registry check ${host}`));
      assert.deepEqual([status, stdout], [
        1,
        "configuration  ok       http://HOST; no proxy\n" +
        "name           ok       127.0.0.1 is an address\n" +
        `connection     ok       127.0.0.1 port ${host.split(":")[1]} in N ms\n` +
        "http           ok       HTTP 401: a registry that asks who we are\n" +
        "login          failed   it wants a login and there is none\n",
      ]);
      assert.equal(
        stderr,
        'error: cannot use the registry "HOST": it wants a login and there is none\n' +
          "hint: log in with: ctr registry login HOST\n",
      );
    });
    await t.step("the right one is", async () => {
      assert.deepEqual(
        tell(await caller.ctr(`registry login -u ann --password-stdin ${host}`, "secret-word\n")),
        [0, "", "Login succeeded\n"],
      );
      const [status, table] = tell(await caller.ctr("registry ls"));
      assert.equal(status, 0);
      assert.match(
        String(table),
        /^HOSTNAME +USERNAME +MODIFIED +CREATED\n\S+ +ann +DATE +DATE\n$/,
      );
      const kept = await Deno.readTextFile(`${caller.home}/credentials.json`);
      assert.ok(kept.includes("secret-word"));
    });
    await t.step("and is used, but never shown", async () => {
      const { status, stdout, stderr } = await caller.ctr(
        `--debug registry check ${host} --format json`,
      );
      assert.deepEqual([status, stderr], [0, ""]);
      const { ok, steps } = JSON.parse(stdout);
      assert.equal(ok, true);
      assert.deepEqual(steps.at(-1), {
        name: "login",
        status: "ok",
        fact: '"ann" of ctr registry login',
        details: { source: "ctr registry login", login: '"ann"' },
      });
      assert.ok(!stdout.includes("secret-word"));
      assert.ok(!(await caller.ctr("registry ls --format json")).stdout.includes("secret-word"));
    });
    await t.step("logout forgets it, once", async () => {
      assert.deepEqual(tell(await caller.ctr(`logout ${host}`)), [0, "HOST\n", ""]);
      assert.deepEqual(tell(await caller.ctr(`logout ${host}`)), [
        0,
        "",
        "not logged in to HOST\n",
      ]);
    });
    await t.step("the environment is asked before the store", async () => {
      const more = { CTR_REGISTRY_HOST: host, CTR_REGISTRY_USER: "ann", CTR_REGISTRY_TOKEN: "no" };
      const { status, stderr } = await caller.ctr(`registry check ${host}`, undefined, more);
      assert.equal(status, 1);
      assert.match(stderr, /"ann" of the environment: the registry \S+ refuses the user name/);
    });
    await t.step("on a terminal both are asked for, and the password is not shown", async () => {
      const home = caller.home;
      const result = await onTerminal(home, ["login", host], [
        ["expect", "Username: "],
        ["send", "ann\n"],
        ["expect", "Password: "],
        ["mode"],
        ["send", "secret-wordx\x7f\r"],
        ["expect", "Login succeeded"],
      ]);
      assert.deepEqual([result.missing, result.status, result.modes], [undefined, 0, [true]]);
      const again = await onTerminal(home, ["login", host], [
        ["expect", "Username (ann): "],
        ["send", "\n"],
        ["expect", "Password: "],
        ["send", "sec\x03"],
      ]);
      assert.equal(again.status, 130);
      assert.ok(!again.seen.includes("sec"), again.seen);
    });
  },
});

Deno.test("login without what it needs says what is missing", async () => {
  await using caller = await callerHome();
  const cases: [string, string | undefined, string][] = [
    [
      "login ghcr.io",
      "",
      'error: cannot log in to "ghcr.io": there is no terminal to ask for a password\n' +
      "hint: use --username NAME --password-stdin\n",
    ],
    [
      "login -u ann -p x ghcr.io",
      undefined,
      "error: cannot use --password: whoever lists the processes would see it\n" +
      "hint: use --password-stdin, for example: " +
      "ctr registry login -u NAME --password-stdin HOST < FILE\n",
    ],
    [
      "login --password-stdin ghcr.io",
      "x",
      "error: cannot use --password-stdin: it wants --username too\n",
    ],
    [
      "login -u ann --password-stdin ghcr.io",
      "\n",
      'error: cannot log in to "ghcr.io": the password is empty\n',
    ],
    [
      "login -u ann --password-stdin bad_host!",
      "x",
      'error: cannot use the registry "bad_host!": want a host\n' +
      "hint: for example ghcr.io or registry.example:5000\n",
    ],
  ];
  for (const [args, stdin, expected] of cases) {
    const { status, stdout, stderr } = await caller.ctr(args, stdin);
    assert.deepEqual([status, stdout, stderr], [2, "", expected], args);
  }
});

Deno.test("check stops at the first step that fails, and says what to do", async (t) => {
  await using authority = await TestAuthority.make();
  await using caller = await callerHome();
  const last = async (host: string, flags = "") => {
    const { status, stdout, stderr } = await caller.ctr(`registry check ${host} ${flags}`.trim());
    const line = stdout.trimEnd().split("\n").at(-1) ?? "";
    const hint = /^hint: (.*)$/m.exec(stderr)?.[1] ?? "";
    return [status, `${line} | ${hint}`.replaceAll(host, "HOST").replace(/ +/g, " ")] as const;
  };
  await t.step("an authority that is not known", async () => {
    await using registry = new FakeRegistry(await authority.server());
    assert.deepEqual(await last(registry.host, "--scheme https"), [
      1,
      "tls failed the certificate of server is by Test-CA, whom nothing here trusts | put the " +
      "certificate of Test-CA into ~/.config/docker/certs.d/HOST/ca.crt, " +
      'or name it as "ca" in registries.toml',
    ]);
  });
  await t.step("another name, and one that is over", async () => {
    await Deno.writeTextFile(
      `${caller.path}/registries.toml`,
      `[host."*"]\nca = "${authority.path}"\n`,
    );
    await using other = new FakeRegistry(await authority.server("DNS:other.example"));
    const [, line] = await last(other.host, "--scheme https");
    assert.match(line, /^tls failed the certificate is for other.example, not for 127.0.0.1/);
    await using old = new FakeRegistry(await authority.server(undefined, -1));
    assert.match(
      (await last(old.host, "--scheme https"))[1],
      /^tls failed the certificate was valid/,
    );
    await using good = new FakeRegistry(await authority.server());
    const [status, text] = await last(good.host, "--scheme https");
    assert.deepEqual([status, text], [0, "login ok not asked for | "]);
  });
  await t.step("a server that is no registry", async () => {
    await using server = new FakeRegistry();
    server.faults.push(() => new Response("<html>", { status: 404 }));
    assert.deepEqual(await last(server.host), [
      1,
      "http failed HTTP 404 | this server is no registry, or has it under another name or port",
    ]);
  });
  await t.step("a configuration that is wrong", async () => {
    await Deno.writeTextFile(`${caller.path}/registries.toml`, '[host."a.io"]\nmirorrs = []\n');
    const { status, stderr } = await caller.ctr("registry check a.io");
    assert.deepEqual([status, stderr.split("\n")[1]], [
      2,
      'hint: did you mean "host."a.io".mirrors"',
    ]);
  });
});

Deno.test({
  name: `a pull goes as its caller would go, whoever started the engine${NAME}`,
  ignore: !real,
  async fn() {
    await using authority = await TestAuthority.make();
    await using registry = new FakeRegistry(await authority.server("DNS:registry.invalid"));
    registry.add("team/app:1", sampleImage({ bytesPerLayer: 2000 }));
    registry.authorization = "Basic " + btoa("ann:secret-word");
    registry.challenge = 'Basic realm="x"';
    const { TestProxy } = await import("./support/proxy.ts");
    await using proxy = await TestProxy.listen(Number(registry.host.split(":")[1]));
    await using caller = await callerHome();
    const reference = "registry.invalid/team/app:1";
    try {
      const without = await caller.ctr(`image pull ${reference}`);
      assert.deepEqual([without.status, without.stderr.split("\n")[0]], [
        1,
        `error: cannot pull "${reference}": cannot reach the registry registry.invalid: its name is not known`,
      ]);
      const more = {
        HTTPS_PROXY: `http://${proxy.host}`,
        SSL_CERT_FILE: authority.path,
        CTR_REGISTRY_HOST: "registry.invalid",
        CTR_REGISTRY_USER: "ann",
        CTR_REGISTRY_TOKEN: "secret-word",
      };
      const pulled = await caller.ctr(`image pull ${reference}`, undefined, more);
      assert.equal(pulled.status, 0, pulled.stderr);
      assert.ok(!pulled.stderr.includes("warning"));
      await Deno.writeTextFile(
        `${caller.path}/registries.toml`,
        `[host."registry.invalid"]\nskip_verify = true\n`,
      );
      const unchecked = await caller.ctr(`image pull --progress none ${reference}`);
      assert.match(
        unchecked.stderr,
        /^warning: whoever answers is believed to be registry.invalid \(skip_verify in ".*"\)\n/,
      );
      const log = await Deno.readTextFile(`${caller.home}/run/engine.log`);
      assert.ok(!log.includes("secret-word"), log);
    } finally {
      await caller.ctr("system stop");
    }
  },
});
