import { join } from "node:path";
import { cloneFile, excludeFromBackups, hostSystem, systemKeychain } from "../host/mod.ts";
import { expect, output, Skipped, type Trial } from "./selftest_trial.ts";

const MIB = 2 ** 20;

/** What the system itself must do: signature, copies, durable writes, passwords. */
export function hostTrials(): Trial[] {
  return [
    { name: "signature", run: signature },
    { name: "copies of disks", run: copies },
    { name: "durable writes", run: durable },
    { name: "backups", run: backups },
    { name: "keychain", run: keychain },
  ];
}

async function signature(): Promise<string> {
  onlyOnMacOs();
  const program = Deno.execPath();
  const verified = await output("codesign", "--verify", "--strict", program);
  expect(verified.code === 0, `codesign does not accept ${program}: ${verified.said}`);
  const { text, said } = await output("codesign", "--display", "--entitlements", "-", program);
  expect(
    `${text}${said}`.includes("com.apple.security.virtualization"),
    `${program} has no entitlement com.apple.security.virtualization`,
  );
  return `${program} is signed, with the entitlement`;
}

async function copies(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-selftest-" });
  try {
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    await Deno.writeFile(from, new Uint8Array(64 * MIB).fill(7));
    const began = performance.now();
    await cloneFile(from, to);
    const ms = performance.now() - began;
    const { size } = await Deno.stat(to);
    expect(size === 64 * MIB, `the copy has ${size} bytes`);
    return `64 MiB in ${ms.toFixed(1)} ms`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Deno's sync() is F_FULLFSYNC on macOS, so it takes as long as the drive's cache needs. */
async function durable(): Promise<string> {
  const path = await Deno.makeTempFile({ prefix: "ctr-selftest-" });
  try {
    using file = await Deno.open(path, { write: true });
    const times: number[] = [];
    for (let n = 0; n < 5; n++) {
      await file.write(new Uint8Array(4096).fill(n));
      const began = performance.now();
      await file.sync();
      times.push(performance.now() - began);
    }
    return `a sync takes ${times.sort((a, b) => a - b)[2]!.toFixed(1)} ms`;
  } finally {
    await Deno.remove(path);
  }
}

async function backups(): Promise<string> {
  onlyOnMacOs();
  const folder = await Deno.makeTempDir({ prefix: "ctr-selftest-" });
  try {
    expect(excludeFromBackups(folder), "the attribute cannot be set");
    const { text } = await output("tmutil", "isexcluded", folder);
    expect(text.includes("[Excluded]"), `tmutil says: ${text}`);
    return "Time Machine leaves out what ctr keeps";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function keychain(): Promise<string> {
  const found = systemKeychain();
  if (!found) throw new Skipped("this system has none: logins are kept in a file");
  const item = { server: `selftest-${crypto.randomUUID().slice(0, 8)}.invalid`, account: "ctr" };
  await found.set(item, "a secret");
  const secret = await found.get(item);
  expect(secret === "a secret", "it gave back something else");
  expect(await found.remove(item.server), "it did not remove the password");
  return "a password was kept, read and removed";
}

function onlyOnMacOs(): void {
  if (hostSystem() !== "darwin") throw new Skipped("macOS alone has it");
}
