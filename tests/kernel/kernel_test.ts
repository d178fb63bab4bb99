import assert from "node:assert/strict";
import { boot, builtKernel, MACHINES } from "./boot.ts";
import { CONTROLLERS, NEEDED, NEEDED_BY_ARCHITECTURE, UNWANTED } from "./options.ts";

for (const machine of MACHINES) {
  const kernel = await builtKernel(machine.name);
  const name = `the ${machine.name} kernel boots and has what containers need`;
  Deno.test({
    name: kernel ? name : `${name} (skipped: it is not built; run kernel/build ${machine.name})`,
    ignore: kernel === undefined,
    async fn(t) {
      const found = await boot(machine, kernel ?? "");

      await t.step("it is 6.12 and ours", () => assert.match(found.release, /^6\.12\.\d+.*-ctr$/));

      await t.step("every call that a container's start is made of works", () => {
        assert.ok(found.probes.size >= 20, `only ${found.probes.size} probes ran`);
        assert.deepEqual([...found.probes].filter(([, result]) => result !== "ok"), []);
      });

      await t.step("cgroup v2 has the controllers", () => {
        assert.deepEqual(
          CONTROLLERS.filter((controller) => !found.controllers.includes(controller)),
          [],
        );
      });

      await t.step("the options that containers need are on", () => {
        const on = new Set(
          [...found.config.matchAll(/^CONFIG_(\w+)=y$/gm)].map((match) => match[1]),
        );
        const missing = [...NEEDED, ...NEEDED_BY_ARCHITECTURE[machine.name] ?? []].filter((
          [option],
        ) => !on.has(option));
        assert.deepEqual(missing, []);
      });

      await t.step("what must be off is off, and nothing is a module", () => {
        const set = new Set(
          [...found.config.matchAll(/^CONFIG_(\w+)=/gm)].map((match) => match[1]),
        );
        assert.deepEqual(UNWANTED.filter(([option]) => set.has(option)), []);
        assert.doesNotMatch(found.config, /=m$/m);
      });
    },
  });
}
