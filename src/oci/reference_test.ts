import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../core/mod.ts";
import { familiarReference, formatReference, parseReference } from "./reference.ts";

const D = `sha256:${"a".repeat(64)}`;

const VALID: readonly [input: string, whole: string, familiar: string][] = [
  ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
  ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["user/app", "docker.io/user/app:latest", "user/app:latest"],
  ["ghcr.io/a/b:v1", "ghcr.io/a/b:v1", "ghcr.io/a/b:v1"],
  ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
  ["localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"],
  ["127.0.0.1:5000/x/y:z", "127.0.0.1:5000/x/y:z", "127.0.0.1:5000/x/y:z"],
  ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
  ["HOST/x", "HOST/x:latest", "HOST/x:latest"],
  [
    "registry.example.com/library/x",
    "registry.example.com/library/x:latest",
    "registry.example.com/library/x:latest",
  ],
  [`alpine@${D}`, `docker.io/library/alpine@${D}`, `alpine@${D}`],
  [`alpine:3@${D}`, `docker.io/library/alpine:3@${D}`, `alpine:3@${D}`],
  ["a__b/c-d.e", "docker.io/a__b/c-d.e:latest", "a__b/c-d.e:latest"],
];

const INVALID: readonly [input: string, why: string][] = [
  ["", "it is empty"],
  ["a".repeat(64), "64 hex digits are an image ID, not a name"],
  ["Alpine", "repository names are lower case"],
  ["user/App", "repository names are lower case"],
  ["alpine:", "the tag is empty"],
  ["alpine:a b", "a tag has at most 128 letters, digits, _, . and -"],
  ["alpine:-x", "a tag has at most 128 letters, digits, _, . and -"],
  [`alpine:${"x".repeat(129)}`, "a tag has at most 128 letters, digits, _, . and -"],
  ["alpine@sha256:12", "after the @ it wants sha256:<64 hex digits>"],
  [`alpine@sha256:${"A".repeat(64)}`, "after the @ it wants sha256:<64 hex digits>"],
  ["a//b", "a part between slashes is empty"],
  ["/a", "a part between slashes is empty"],
  ["localhost/", "the repository is missing"],
  ["a/../b", "repository names have lower-case letters and digits, separated by ., _, __ or -"],
  ["-a", "repository names have lower-case letters and digits, separated by ., _, __ or -"],
  ["ho_st.io/a", '"ho_st.io" is not a host'],
  [`ghcr.io/${"a".repeat(250)}`, "it has more than 255 characters"],
];

Deno.test("parseReference()", async (t) => {
  for (const [input, whole, familiar] of VALID) {
    await t.step(`reads "${input}"`, () => {
      const reference = parseReference(input);
      assert.equal(formatReference(reference), whole);
      assert.equal(familiarReference(reference), familiar);
    });
  }
  for (const [input, why] of INVALID) {
    await t.step(`says of "${input.slice(0, 40)}" that ${why}`, () => {
      assert.throws(() => parseReference(input), {
        code: "usage",
        message: `cannot read the image reference "${input.slice(0, 120)}": ${why}`,
      });
    });
  }
  await t.step("takes another default host", () => {
    const options = { defaultDomain: "ghcr.io" };
    assert.equal(formatReference(parseReference("a/b", options)), "ghcr.io/a/b:latest");
    assert.equal(familiarReference(parseReference("ghcr.io/a/b"), options), "a/b:latest");
    assert.equal(familiarReference(parseReference("alpine"), options), "docker.io/alpine:latest");
  });
});

Deno.test("a reference reads the same after it was written, whole and familiar", () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,5}){0,2}$/);
  const host = fc.constantFrom(
    "docker.io",
    "localhost",
    "localhost:5000",
    "ghcr.io",
    "10.0.0.1:80",
  );
  const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), {
    nil: undefined,
  });
  fc.assert(fc.property(
    fc.option(host, { nil: undefined }),
    fc.array(name, { minLength: 1, maxLength: 4 }),
    tag,
    fc.boolean(),
    (domain, path, tag, digest) => {
      const text = `${domain === undefined ? "" : `${domain}/`}${path.join("/")}` +
        `${tag === undefined ? "" : `:${tag}`}${digest ? `@${D}` : ""}`;
      // Without a host a first part with a dot would be one.
      if (domain === undefined && path.length > 1 && path[0]!.includes(".")) return;
      if (/^[0-9a-f]{64}$/.test(text)) return;
      const reference = parseReference(text);
      assert.deepEqual(parseReference(formatReference(reference)), reference);
      assert.deepEqual(parseReference(familiarReference(reference)), reference);
    },
  ));
});

Deno.test("whatever is typed is a reference or a usage error", () => {
  const odd = fc.string({
    unit: fc.constantFrom(..."aA0.:/@-_[] \u00e9\0".split("")),
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), odd), (text) => {
      try {
        const reference = parseReference(text);
        assert.deepEqual(parseReference(formatReference(reference)), reference);
      } catch (error) {
        assert.ok(error instanceof CtrError && error.code === "usage", String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
