import assert from "node:assert/strict";
import type { Hypervisor } from "../vm/mod.ts";
import { machineFor } from "./guest_machine.ts";

type Features = Awaited<ReturnType<Hypervisor["features"]>>;
type Some = Pick<Features, "architectures" | "translated">;

function host(features: Some): Pick<Hypervisor, "features"> {
  return { features: () => Promise.resolve(features as Features) };
}

const EMULATES: Some = { architectures: ["amd64", "arm64"], translated: [] };
const ROSETTA: Some = { architectures: ["arm64"], translated: ["amd64"] };
const BARE: Some = { architectures: ["arm64"], translated: [] };

Deno.test("machineFor()", async (t) => {
  const cases: readonly (readonly [string, Some, string, object])[] = [
    ["emulates what the host is not", EMULATES, "arm64", { architecture: "arm64" }],
    ["takes the host's own as it is", ROSETTA, "arm64", { architecture: "arm64" }],
    ["translates amd64", ROSETTA, "amd64", { architecture: "arm64", rosetta: true }],
  ];
  for (const [name, features, wanted, expected] of cases) {
    await t.step(name, async () => {
      assert.deepEqual(await machineFor(host(features), wanted), expected);
    });
  }
  await t.step("names the remedy without Rosetta", async () => {
    await assert.rejects(machineFor(host(BARE), "amd64"), { hint: /softwareupdate/ });
  });
  await t.step("knows no others", async () => {
    await assert.rejects(machineFor(host(EMULATES), "riscv64"), { code: "unsupported" });
  });
});
