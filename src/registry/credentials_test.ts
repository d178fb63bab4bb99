import assert from "node:assert/strict";
import { registryEnvironment } from "../api/mod.ts";
import { dockerCredentials } from "./auth_file.ts";
import { credentialSources } from "./credentials.ts";
import { askHelper } from "./credential_helper.ts";
import { fileLoginStore } from "./login_store.ts";
import { parseRegistryKey } from "./registry_key.ts";
import type { Credentials } from "./types.ts";

const basic = (username: string): Credentials => ({ kind: "basic", username, password: "p" });

async function folder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-credentials-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("a registry has one spelling", () => {
  const cases = [
    ["https://index.docker.io/v1/", "docker.io"],
    ["Docker.IO", "docker.io"],
    ["registry-1.docker.io/v2/", "docker.io"],
    ["http://Registry.Example:5000/", "registry.example:5000"],
    ["ghcr.io/team/app", "ghcr.io/team/app"],
    ["[::1]:5000", "[::1]:5000"],
  ] as const;
  for (const [text, key] of cases) assert.equal(parseRegistryKey(text), key);
  for (const text of ["", "a b", "x/", "-", "a.io/../b c", "https://u:p@a.io"]) {
    if (text === "x/") continue;
    assert.throws(() => parseRegistryKey(text), { code: "usage" }, text);
  }
});

Deno.test("logins are kept in a file that its owner alone may read", () =>
  folder(async (home) => {
    const store = fileLoginStore(home);
    assert.deepEqual(await store.list(), []);
    assert.equal(await store.remove("a.io"), false);
    await Promise.all([1, 2, 3, 4].map((n) => store.put(`r${n}.io`, "ann", "p")));
    await store.put("ghcr.io", "ann", "p");
    await store.put("ghcr.io/team", "bob", "p");
    await store.put("token.io", "<token>", "refresh");
    const { mode } = await Deno.stat(`${home}/credentials.json`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.equal((await store.list()).length, 7);
    assert.deepEqual(await store.find("ghcr.io"), basic("ann"));
    assert.deepEqual(await store.find("ghcr.io", "team/app"), basic("bob"));
    assert.deepEqual(await store.find("ghcr.io", "teams/app"), basic("ann"));
    assert.deepEqual(await store.find("token.io"), { kind: "token", refreshToken: "refresh" });
    assert.equal(await store.find("other.io"), undefined);
    assert.equal(await store.remove("ghcr.io"), true);
    assert.equal(await store.find("ghcr.io"), undefined);
    await Deno.writeTextFile(
      `${home}/credentials.json`,
      '{"version":1,"registries":{"secret-word"',
    );
    await assert.rejects(store.find("ghcr.io"), (error: Error) => {
      assert.ok(!`${error.message} ${error.cause}`.includes("secret-word"));
      return (error as Error & { code: string }).code === "bad-data";
    });
  }));

Deno.test("credentials are looked for in the environment, our store, Docker's file, Podman's", () =>
  folder(async (home) => {
    const auths = (name: string) =>
      JSON.stringify({ auths: { "a.io": { auth: btoa(`${name}:p`) } } });
    await Deno.mkdir(`${home}/.docker`);
    const environment: Record<string, string> = {
      HOME: home,
      REGISTRY_AUTH_FILE: `${home}/auth.json`,
      CTR_REGISTRY_HOST: "a.io",
      CTR_REGISTRY_USER: "env",
      CTR_REGISTRY_TOKEN: "p",
    };
    const found = async () => {
      for (const source of credentialSources(environment, home)) {
        const credentials = await source.find("a.io", "team/app");
        if (credentials) return credentials;
      }
      return undefined;
    };
    await Deno.writeTextFile(`${home}/auth.json`, auths("podman"));
    await Deno.writeTextFile(`${home}/.docker/config.json`, auths("docker"));
    await fileLoginStore(home).put("a.io", "own", "p");
    assert.deepEqual(await found(), basic("env"));
    environment["CTR_REGISTRY_HOST"] = "b.io";
    assert.deepEqual(await found(), basic("own"));
    await fileLoginStore(home).remove("a.io");
    assert.deepEqual(await found(), basic("docker"));
    await Deno.remove(`${home}/.docker`, { recursive: true });
    assert.deepEqual(await found(), basic("podman"));
  }));

Deno.test("entries of a file may be for a part of a registry", () =>
  folder(async (home) => {
    const auth = (name: string) => ({ auth: btoa(`${name}:p`) });
    const path = `${home}/config.json`;
    const auths = {
      "a.io": auth("all"),
      "a.io/team": auth("team"),
      "https://a.io/team/app": auth("app"),
    };
    await Deno.writeTextFile(path, JSON.stringify({ auths }));
    const source = dockerCredentials(path, {});
    assert.deepEqual(await source.find("a.io", "team/app"), basic("app"));
    assert.deepEqual(await source.find("a.io", "team/other"), basic("team"));
    assert.deepEqual(await source.find("a.io", "else"), basic("all"));
    assert.equal(await source.find("b.io", "team/app"), undefined);
  }));

Deno.test("a credential helper sees the caller's variables alone, and is bounded", () =>
  folder(async (home) => {
    const helper = async (name: string, script: string) => {
      await Deno.writeTextFile(`${home}/docker-credential-${name}`, `#!/bin/sh\n${script}\n`, {
        mode: 0o755,
      });
    };
    const environment = { PATH: `${home}:/usr/bin:/bin`, AWS_PROFILE: "work" };
    await helper(
      "echo",
      'read -r host; echo "{\\"Username\\":\\"$AWS_PROFILE-$CTR_HOME\\",\\"Secret\\":\\"$host\\"}"',
    );
    assert.deepEqual(await askHelper("echo", "a.io", environment), {
      kind: "basic",
      username: "work-",
      password: "a.io",
    });
    await helper("huge", "exec head -c 1000000 /dev/zero");
    await assert.rejects(askHelper("huge", "a.io", environment), { code: "denied" });
    await helper("odd", "echo '{secret-word'");
    await assert.rejects(askHelper("odd", "a.io", environment), (error: Error) => {
      return !`${error.message} ${error.cause}`.includes("secret-word");
    });
    await assert.rejects(askHelper("none", "a.io", environment), { code: "not-found" });
    await assert.rejects(askHelper("echo", "a.io", { PATH: "" }), { code: "not-found" });
    // A store that was removed with its program does not keep public images away.
    await Deno.writeTextFile(`${home}/config.json`, JSON.stringify({ credsStore: "gone" }));
    assert.equal(
      await dockerCredentials(`${home}/config.json`, environment).find("a.io"),
      undefined,
    );
  }));

Deno.test("only what matters to registries is taken from an environment", () => {
  const kept = registryEnvironment({
    https_proxy: "a",
    NO_PROXY: "b",
    AWS_PROFILE: "c",
    HOME: "/h",
    MY_SECRET: "d",
    CTR_HOME: "e",
    LD_PRELOAD: "f",
  });
  assert.deepEqual(Object.keys(kept).sort(), ["AWS_PROFILE", "HOME", "NO_PROXY", "https_proxy"]);
});

Deno.test("a login's secret goes to the keychain where there is one", async (t) => {
  const home = await Deno.makeTempDir({ prefix: "ctr-login-" });
  const kept = new Map<string, string>();
  const usable = {
    get: ({ server }: { server: string }) => Promise.resolve(kept.get(server)),
    set: ({ server }: { server: string }, secret: string) =>
      Promise.resolve(void kept.set(server, secret)),
    remove: (server: string) => Promise.resolve(kept.delete(server)),
  };
  const locked = {
    get: () => Promise.reject(new Error("locked")),
    set: () => Promise.reject(new Error("locked")),
    remove: () => Promise.reject(new Error("locked")),
  };
  const file = () => Deno.readTextFile(`${home}/credentials.json`);
  await t.step("and not to the file", async () => {
    const store = fileLoginStore(home, usable);
    await store.put("a.io", "me", "s3cret");
    assert.equal(kept.get("a.io"), "s3cret");
    assert.ok(!(await file()).includes("s3cret"));
    const found = await store.find("a.io");
    assert.deepEqual(found, { kind: "basic", username: "me", password: "s3cret" });
    assert.deepEqual((await store.list()).map(({ registry, username }) => [registry, username]), [
      ["a.io", "me"],
    ]);
  });
  await t.step("one that is locked is as if nobody had logged in", async () => {
    assert.equal(await fileLoginStore(home, locked).find("a.io"), undefined);
  });
  await t.step("is removed with the login", async () => {
    assert.equal(await fileLoginStore(home, usable).remove("a.io"), true);
    assert.equal(kept.size, 0);
  });
  await t.step("else to the file", async () => {
    await fileLoginStore(home, locked).put("b.io", "me", "s3cret");
    assert.ok((await file()).includes("s3cret"));
    const found = await fileLoginStore(home, locked).find("b.io");
    assert.deepEqual(found, { kind: "basic", username: "me", password: "s3cret" });
  });
  await Deno.remove(home, { recursive: true });
});
