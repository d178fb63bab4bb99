import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../core/mod.ts";
import { chainIds, digestOf, parseDigest } from "./digest.ts";
import { parseImageConfig, parseTarget } from "./documents.ts";
import { layerCompression, MEDIA_TYPE } from "./media_types.ts";
import { MAX_MANIFEST_BYTES } from "./schemas.ts";

const D = digestOf("x");
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const descriptor = (mediaType: string) => ({ mediaType, digest: D, size: 1 });
const MANIFEST = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.manifest,
  config: descriptor(MEDIA_TYPE.config),
  layers: [descriptor(MEDIA_TYPE.layerGzip)],
};
const INDEX = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.index,
  manifests: [{
    ...descriptor(MEDIA_TYPE.manifest),
    platform: { os: "linux", architecture: "arm64" },
  }],
};

Deno.test("parseTarget() tells manifests from indexes", () => {
  assert.equal(parseTarget(encode(MANIFEST), MEDIA_TYPE.manifest, "it").kind, "manifest");
  assert.equal(parseTarget(encode(INDEX), MEDIA_TYPE.index, "it").kind, "index");
  const { mediaType: _, ...unnamed } = INDEX;
  assert.equal(parseTarget(encode(unnamed), "application/json", "it").kind, "index");
});

Deno.test("parseTarget() refuses what is neither, or both, or too large", async (t) => {
  const cases: [string, unknown, string, string, string][] = [
    [
      "an index and a manifest at once",
      { ...MANIFEST, manifests: [] },
      MEDIA_TYPE.manifest,
      "bad-data",
      "cannot read it: it is an index and a manifest at once",
    ],
    [
      "another type than announced",
      MANIFEST,
      MEDIA_TYPE.index,
      "bad-data",
      `cannot read it: it says "${MEDIA_TYPE.manifest}" where "${MEDIA_TYPE.index}" is due`,
    ],
    [
      "Docker's schema 1",
      { schemaVersion: 1 },
      "",
      "unsupported",
      "cannot read it: Docker's manifest schema 1 is too old",
    ],
    [
      "another document",
      { schemaVersion: 2, mediaType: "text/plain" },
      "",
      "unsupported",
      'cannot read it: "text/plain" is neither an index nor a manifest',
    ],
    [
      "a bad digest",
      { ...MANIFEST, config: { ...MANIFEST.config, digest: "sha256:../.." } },
      MEDIA_TYPE.manifest,
      "bad-data",
      "cannot read it: config.digest: want sha256:<64 hex digits>",
    ],
    [
      "a negative size",
      { ...MANIFEST, config: { ...MANIFEST.config, size: -1 } },
      MEDIA_TYPE.manifest,
      "bad-data",
      "cannot read it: config.size: too small: expected number to be >=0",
    ],
    [
      "too many layers",
      { ...MANIFEST, layers: Array(513).fill(MANIFEST.layers[0]) },
      MEDIA_TYPE.manifest,
      "bad-data",
      "cannot read it: layers: too big: expected array to have <=512 items",
    ],
  ];
  for (const [name, value, mediaType, code, message] of cases) {
    await t.step(name, () => {
      assert.throws(() => parseTarget(encode(value), mediaType, "it"), { code, message });
    });
  }
  await t.step("more than 4 MiB", () => {
    const large = new Uint8Array(MAX_MANIFEST_BYTES + 1);
    assert.throws(() => parseTarget(large, MEDIA_TYPE.manifest, "it"), { code: "too-large" });
  });
  await t.step("what is not JSON", () => {
    for (const text of ["", "{", "[".repeat(1_000_000), "\xff"]) {
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
      assert.throws(() => parseTarget(bytes, MEDIA_TYPE.manifest, "it"), { code: "bad-data" });
    }
  });
});

Deno.test("parseImageConfig() reads what Docker writes, null for empty included", () => {
  const config = parseImageConfig(
    encode({
      architecture: "amd64",
      os: "linux",
      config: {
        User: "1000:1000",
        Env: ["A=b=c"],
        Entrypoint: null,
        Cmd: ["/bin/sh", "-c"],
        WorkingDir: "/w",
        StopSignal: "SIGINT",
        Volumes: { "/data": {} },
        ExposedPorts: { "80/tcp": {}, "53/udp": {} },
        Labels: { a: "b" },
        Healthcheck: { Test: ["CMD", "true"], Interval: 30_000_000_000, Retries: 3 },
        OnBuild: null,
      },
      rootfs: { type: "layers", diff_ids: [D] },
      history: [{ created_by: "x", empty_layer: true }, { created_by: "y" }],
    }),
    "it",
  );
  assert.equal(config.config?.User, "1000:1000");
  assert.equal(config.config?.Entrypoint, undefined);
  assert.deepEqual(config.config?.Volumes, ["/data"]);
  assert.deepEqual(config.config?.ExposedPorts, ["80/tcp", "53/udp"]);
  assert.equal(config.config?.Healthcheck?.Interval, 30_000_000_000);
  assert.deepEqual(config.rootfs.diff_ids, [D]);
  assert.equal(config.history?.length, 2);
});

Deno.test("layerCompression() knows tar layers and refuses the others", () => {
  assert.equal(layerCompression(MEDIA_TYPE.layer), "none");
  assert.equal(layerCompression(MEDIA_TYPE.layerZstd), "zstd");
  assert.equal(layerCompression(MEDIA_TYPE.dockerLayerGzip), "gzip");
  const refused = [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    `${MEDIA_TYPE.layerGzip}+encrypted`,
    "text/plain",
    "constructor",
  ];
  for (const type of refused) {
    assert.throws(() => layerCompression(type), { code: "unsupported" }, type);
  }
});

Deno.test("parseDigest() takes sha256 alone", () => {
  assert.equal(parseDigest(D), D);
  assert.throws(() => parseDigest(`sha512:${"a".repeat(128)}`), { code: "unsupported" });
  for (
    const text of ["", "sha256:", `sha256:${"A".repeat(64)}`, `${D}a`, "sha256:../../etc/passwd"]
  ) {
    assert.throws(() => parseDigest(text), { code: "bad-data" });
  }
});

Deno.test("chainIds() folds as the specification says", () => {
  const [a, b, c] = [digestOf("a"), digestOf("b"), digestOf("c")];
  const two = digestOf(`${a} ${b}`);
  assert.deepEqual(chainIds([a, b, c]), [a, two, digestOf(`${two} ${c}`)]);
  assert.deepEqual(chainIds([]), []);
});

Deno.test("no document makes the readers fail in another way than with a CtrError", () => {
  const attempt = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof CtrError, String(error));
    }
  };
  const broken = fc.oneof(
    fc.jsonValue(),
    fc.tuple(
      fc.constantFrom<Record<string, unknown>>(MANIFEST, INDEX),
      fc.constantFrom("config", "layers", "manifests", "mediaType", "schemaVersion"),
      fc.jsonValue(),
    )
      .map(([document, key, value]) => ({ ...document, [key]: value })),
    fc.record({
      rootfs: fc.oneof(fc.jsonValue(), fc.constant({ type: "layers", diff_ids: [D] })),
      config: fc.jsonValue(),
      history: fc.jsonValue(),
    }),
  );
  fc.assert(
    fc.property(
      broken,
      fc.constantFrom(MEDIA_TYPE.index, MEDIA_TYPE.manifest, ""),
      (value, type) => {
        attempt(() => parseTarget(encode(value), type, "it"));
        attempt(() => parseImageConfig(encode(value), "it"));
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    attempt(() => parseTarget(bytes, MEDIA_TYPE.manifest, "it"));
    attempt(() => parseImageConfig(bytes, "it"));
  }));
});
