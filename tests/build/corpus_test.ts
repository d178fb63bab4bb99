/** Every Dockerfile of `corpus/`, built by `ctr` and by Debian's buildah: the same files, the same config. */
import assert from "node:assert/strict";
import { testWith } from "../image/support/tools.ts";
import { BuildHome, REGISTRY } from "./support/build_home.ts";
import { readCases } from "./support/cases.ts";
import { makeContext } from "./support/context.ts";
import { Expected } from "./support/expected.ts";
import { inLanes } from "./support/lanes.ts";
import { differences } from "./support/image_tree.ts";
import { NEEDS } from "./support/peer.ts";

/** Builds of ours that overlap: they share what they pull, and the VM of their RUN steps. */
const LANES = 3;

testWith(NEEDS, "the corpus gives the same files and configs as buildah", async (t) => {
  assert.ok(REGISTRY !== "", "no test registry");
  // Those that run something begin, so that they overlap and one VM is enough.
  const cases = readCases().sort((one, other) => Number(other.runs) - Number(one.runs));
  assert.ok(cases.length >= 40);
  const context = await Deno.makeTempDir({ prefix: "ctr-context-" });
  try {
    await makeContext(context);
    await using expected = await Expected.open(REGISTRY, context);
    await using home = await BuildHome.open();
    const theirs = inLanes(1, cases, (one) => expected.of(one));
    const ours = inLanes(
      LANES,
      cases,
      (one) => home.buildAndLook(`corpus/${one.name}`, [...one.flags, "-f", one.file, context]),
    );
    for (const [index, one] of cases.entries()) {
      await t.step(`${one.name}: ${one.point}`, async () => {
        const built = await ours[index]!;
        const wanted = await theirs[index]!;
        assert.deepEqual(differences(wanted.tree, built.tree), [], "- buildah, + ctr");
        assert.deepEqual(built.config, wanted.config);
      });
    }
    await Promise.allSettled([...theirs, ...ours]);
  } finally {
    await Deno.remove(context, { recursive: true });
  }
});
