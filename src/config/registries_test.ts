import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../core/mod.ts";
import { parseRegistries } from "./registries.ts";

const parse = (text: string) =>
  parseRegistries(text, "/home/user/.config/ctr/registries.toml", "/home/user");

Deno.test("registries.toml says by host how a registry is reached", () => {
  const config = parse(`
    [host."registry.example:5000"]
    http = true
    mirrors = ["mirror.example", "https://cache.example:8443/hub/"]
    ca = ["ca.pem", "~/other.pem", "/etc/ca.pem"]
    cert = "me.pem"
    key = "me.key"
    proxy = "none"
    [host."*.example"]
    skip_verify = true
    [host."*.deep.example"]
    blocked = true
    [host."index.docker.io"]
    proxy = "socks5h://127.0.0.1:1080"
  `);
  const folder = "/home/user/.config/ctr";
  assert.deepEqual(config.for("registry.example:5000"), {
    http: true,
    mirrors: [
      { host: "mirror.example", path: "" },
      { host: "cache.example:8443", path: "/hub", scheme: "https" },
    ],
    ca: [`${folder}/ca.pem`, "/home/user/other.pem", "/etc/ca.pem"],
    client: { cert: `${folder}/me.pem`, key: `${folder}/me.key` },
    proxy: "none",
    skipVerify: false,
    blocked: false,
  });
  assert.equal(config.for("Registry.Example").skipVerify, true);
  assert.equal(config.for("a.deep.example:99").blocked, true);
  assert.equal(config.for("example").skipVerify, false);
  assert.equal(config.for("docker.io").proxy, "socks5h://127.0.0.1:1080");
  assert.deepEqual(config.for("other.io").mirrors, []);
  assert.equal(parse('[host."*"]\nblocked = true\n').for("any.io").blocked, true);
});

Deno.test("what registries.toml cannot mean is an error with a suggestion", () => {
  const cases: [string, RegExp, string | undefined][] = [
    [
      '[host."a.io"]\nmirror = []\n',
      /there is no key "host\."a\.io"\.mirror"$/,
      'did you mean "host."a.io".mirrors"',
    ],
    ["[hosts]\n", /there is no key "hosts"$/, 'did you mean "host"'],
    ['[host."a.io"]\nhttp = "yes"\n', /: host\."a\.io"\.http: expected boolean/, undefined],
    ['[host."a.io"]\nmirrors = ["a b"]\n', /: host\."a\.io"\.mirrors\.0: want a host/, undefined],
    ['[host."a.io"]\nproxy = "ftp://x"\n', /want "none" or a URL/, undefined],
    ['[host."a.io"]\ncert = "x"\n', /cert and key go together/, undefined],
    ['[host."https://a.io"]\n', /want a host, for example/, undefined],
    ["[host\n", /: line 1: /, undefined],
  ];
  for (const [text, message, hint] of cases) {
    assert.throws(() => parse(text), (error) => {
      assert.ok(error instanceof CtrError && error.code === "usage", String(error));
      assert.match(error.message, message);
      assert.equal(error.hint, hint);
      return true;
    });
  }
});

Deno.test("registries.toml of any text is read or refused in a sentence", () => {
  const words = fc.constantFrom(
    '[host."',
    'a.io"]',
    "mirrors",
    " = ",
    '"x"',
    "[",
    "]",
    "true",
    "\n",
    "ca",
  );
  const text = fc.oneof(fc.string(), fc.array(words).map((parts) => parts.join("")));
  fc.assert(fc.property(text, (any) => {
    try {
      parse(any).for("a.io");
    } catch (error) {
      assert.ok(error instanceof CtrError, String(error));
    }
  }));
});
