import { isCtrError, withDeadline } from "../../core/mod.ts";
import type { Finding } from "../hypervisor.ts";
import { ENTITLEMENT } from "./faults.ts";
import type { HostFacts } from "./shapes.ts";

const ASK_MS = 4500;

/** Facts for `ctr doctor`. */
export async function doctor(ask: () => Promise<HostFacts>): Promise<readonly Finding[]> {
  const name = "Virtualization.framework";
  try {
    return findings(await withDeadline(`asking ${name}`, ASK_MS, ask));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const hint = isCtrError(error) ? error.hint : undefined;
    return [{ name, ok: false, detail, ...(hint !== undefined && { hint }) }];
  }
}

function findings(facts: HostFacts): readonly Finding[] {
  const { nested, rosetta, vmnet } = facts;
  return [
    framework(facts),
    vmnet
      ? { name: "vmnet", ok: true, detail: "networks of vmnet can be made" }
      : { name: "vmnet", ok: true, detail: "none before macOS 26; the default network needs none" },
    rosetta === "missing"
      ? {
        name: "Rosetta",
        ok: false,
        detail: "not installed: amd64 images cannot run",
        hint: "softwareupdate --install-rosetta",
      }
      : { name: "Rosetta", ok: true, detail: rosetta },
    {
      name: "nested virtualization",
      ok: true,
      detail: nested ? "possible" : "not possible: it takes an M3 or later",
    },
  ];
}

function framework({ supported, entitled, os }: HostFacts): Finding {
  const name = "Virtualization.framework";
  if (!supported) {
    return { name, ok: false, detail: `macOS ${os} does not allow virtual machines here` };
  }
  if (entitled) return { name, ok: true, detail: `macOS ${os}` };
  return {
    name,
    ok: false,
    detail: `this program is not signed with "${ENTITLEMENT}"`,
    hint:
      `codesign --force --sign - --entitlements ctr.entitlements "${Deno.execPath()}" (docs/macos.md)`,
  };
}
