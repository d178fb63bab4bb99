import assert from "node:assert/strict";
import fc from "fast-check";
import { parseChallenges } from "./challenge.ts";
import { dockerCredentials } from "./auth_file.ts";
import { environmentCredentials } from "./credentials.ts";
import { isTransient, pauseMs } from "./retry.ts";
import { retryAfterMs } from "./retry_after.ts";
import { registryOrigin } from "./scheme.ts";

Deno.test("registryOrigin() speaks plain HTTP to near hosts alone", () => {
  const cases = [
    ["docker.io", "https://registry-1.docker.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["localhost", "http://localhost"],
    ["localhost:5000", "http://localhost:5000"],
    ["127.1.2.3:80", "http://127.1.2.3:80"],
    ["10.0.0.1", "http://10.0.0.1"],
    ["172.16.0.1", "http://172.16.0.1"],
    ["172.31.0.1", "http://172.31.0.1"],
    ["172.32.0.1", "https://172.32.0.1"],
    ["192.168.1.1:5000", "http://192.168.1.1:5000"],
    ["192.169.1.1", "https://192.169.1.1"],
    ["11.0.0.1", "https://11.0.0.1"],
    ["10.0.0.1.example.com", "https://10.0.0.1.example.com"],
    ["[::1]:5000", "http://[::1]:5000"],
    ["localhost.example.com", "https://localhost.example.com"],
  ] as const;
  for (const [host, origin] of cases) assert.equal(registryOrigin(host), origin);
  assert.equal(registryOrigin("ghcr.io", "http"), "http://ghcr.io");
  assert.equal(registryOrigin("localhost", "https"), "https://localhost");
});

Deno.test("parseChallenges() reads several, quoted and bare", () => {
  const header =
    'Bearer realm="https://a/t",service=s,scope="repository:a/b:pull,push", Basic realm="x \\"y\\""';
  const [bearer, basic] = parseChallenges(header);
  assert.deepEqual({ ...bearer!.parameters }, {
    realm: "https://a/t",
    service: "s",
    scope: "repository:a/b:pull,push",
  });
  assert.deepEqual([basic!.scheme, basic!.parameters["realm"]], ["basic", 'x "y"']);
  assert.deepEqual(parseChallenges(""), []);
});

Deno.test("parseChallenges() ends with every header", () => {
  const odd = fc.string({ unit: fc.constantFrom(...'ab=", \\:/'.split("")), maxLength: 60 });
  fc.assert(fc.property(fc.oneof(fc.string(), odd), (header) => void parseChallenges(header)));
});

Deno.test("retryAfterMs() reads seconds and dates", () => {
  assert.equal(retryAfterMs("3"), 3000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 40_000), 0);
  assert.equal(retryAfterMs("soon"), undefined);
  assert.equal(retryAfterMs(null), undefined);
});

Deno.test("pauses grow up to their bound", () => {
  const deadlines = { firstPauseMs: 100, maxPauseMs: 1000 };
  assert.deepEqual([1, 2, 3, 4, 5, 9].map((n) => pauseMs(n, deadlines, () => 1)), [
    100,
    200,
    400,
    800,
    1000,
    1000,
  ]);
  assert.equal(pauseMs(1, deadlines, () => 0), 50);
  assert.deepEqual([429, 500, 503, 408].map(isTransient), [true, true, true, true]);
  assert.deepEqual([400, 401, 404, 501].map(isTransient), [false, false, false, false]);
});

Deno.test("credentials of the environment are for exactly their host", async () => {
  const variables: Record<string, string> = {
    CONTAINER_REGISTRY_HOST: "ghcr.io",
    CONTAINER_REGISTRY_USER: "ann",
    CONTAINER_REGISTRY_TOKEN: "t",
  };
  const source = environmentCredentials(variables);
  assert.deepEqual(await source.find("ghcr.io"), { kind: "basic", username: "ann", password: "t" });
  assert.equal(await source.find("docker.io"), undefined);
  delete variables["CONTAINER_REGISTRY_USER"];
  assert.equal(await source.find("ghcr.io"), undefined);
});

Deno.test("credentials of Docker's file: plain entries, tokens and helpers", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-registry-" });
  const path = `${folder}/config.json`;
  const before = Deno.env.get("PATH")!;
  try {
    await Deno.writeTextFile(
      `${folder}/docker-credential-test`,
      "#!/bin/sh\nread -r host\n" +
        'case $host in helped.io) echo "{\\"ServerURL\\":\\"x\\",\\"Username\\":\\"<token>\\",\\"Secret\\":\\"r\\"}";;' +
        " *) echo credentials not found in native keychain; exit 1;; esac\n",
      { mode: 0o755 },
    );
    Deno.env.set("PATH", `${folder}:${before}`);
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        auths: {
          "https://index.docker.io/v1/": { auth: btoa("ann:p:w") },
          "ghcr.io": { username: "bob", password: "x" },
          "https://token.io/v2/": { identitytoken: "id" },
          "empty.io": {},
        },
        credHelpers: {
          "helped.io": "test",
          "other.io": "test",
          "gone.io": "missing",
          "bad.io": "../x",
        },
      }),
    );
    const source = dockerCredentials(path);
    assert.deepEqual(await source.find("docker.io"), {
      kind: "basic",
      username: "ann",
      password: "p:w",
    });
    assert.deepEqual(await source.find("ghcr.io"), {
      kind: "basic",
      username: "bob",
      password: "x",
    });
    assert.deepEqual(await source.find("token.io"), { kind: "token", refreshToken: "id" });
    assert.deepEqual(await source.find("helped.io"), { kind: "token", refreshToken: "r" });
    assert.equal(await source.find("other.io"), undefined);
    assert.equal(await source.find("empty.io"), undefined);
    assert.equal(await source.find("unknown.io"), undefined);
    await assert.rejects(source.find("gone.io"), { code: "denied" });
    await assert.rejects(source.find("bad.io"), { code: "bad-data" });
    await Deno.writeTextFile(path, "{");
    await assert.rejects(source.find("ghcr.io"), { code: "bad-data" });
    assert.equal(await dockerCredentials(`${folder}/none`).find("ghcr.io"), undefined);
  } finally {
    Deno.env.set("PATH", before);
    await Deno.remove(folder, { recursive: true });
  }
});
