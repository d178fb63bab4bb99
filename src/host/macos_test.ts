import assert from "node:assert/strict";
import { clone } from "./apfs.ts";
import { excludeFromBackups } from "./backups.ts";
import { type Keychain, type KeychainSymbols, openKeychain } from "./keychain.ts";
import { type DarwinFunctions, libSystem } from "./libc.ts";
import { cacheFolder, ctrHome } from "./paths.ts";
import { sysctlNumber, sysctlText } from "./sysctl.ts";

/** Reads what a C function was handed. */
function text(buffer: unknown): string {
  return new TextDecoder().decode(buffer as Uint8Array).replace(/\0.*$/s, "");
}

/** The functions of libSystem as a Mac answered them; what they were handed is written down. */
function recorded() {
  const calls: unknown[][] = [];
  const values: Record<string, Uint8Array> = {
    "kern.bootsessionuuid": new TextEncoder().encode("2F1C0C7E-7C9E-4D4C-9C8E-0A6B3E1D2F10\0"),
    "hw.memsize": new Uint8Array(new BigInt64Array([34_359_738_368n]).buffer),
    "hw.ncpu": new Uint8Array(new Int32Array([10]).buffer),
  };
  const symbols = {
    fcntl: (...args: unknown[]) => {
      calls.push(["fcntl", ...args]);
      return 0;
    },
    sysctlbyname: (name: BufferSource, to: Uint8Array, length: BigUint64Array) => {
      const value = values[text(name)];
      if (!value || value.length > Number(length[0])) return -1;
      to.set(value);
      length[0] = BigInt(value.length);
      return 0;
    },
    clonefile: (from: BufferSource, to: BufferSource, flags: number) => {
      calls.push(["clonefile", text(from), text(to), flags]);
      return text(to).startsWith("/Volumes/") ? -1 : 0; // EXDEV
    },
    setxattr: (path: BufferSource, name: BufferSource, value: Uint8Array, ...rest: unknown[]) => {
      calls.push(["setxattr", text(path), text(name), value.slice(), ...rest]);
      return 0;
    },
    __error: () => null,
  };
  return { calls, system: libSystem(symbols as unknown as DarwinFunctions) };
}

Deno.test("libSystem on macOS", async (t) => {
  const { calls, system } = recorded();
  await t.step("sysctl tells texts and numbers of both widths", () => {
    assert.equal(sysctlText("kern.bootsessionuuid", system)?.length, 36);
    assert.equal(sysctlNumber("hw.memsize", system), 2 ** 35);
    assert.equal(sysctlNumber("hw.ncpu", system), 10);
  });
  await t.step("what a system does not have is undefined", () => {
    assert.equal(sysctlText("kern.nope", system), undefined);
    assert.equal(sysctlNumber("kern.bootsessionuuid", system), undefined);
  });
  await t.step("fcntl's argument is the ninth: it goes on the stack", () => {
    assert.equal(system.fcntl(5, 2, 1), 0);
    assert.deepEqual(calls.pop(), ["fcntl", 5, 2, 0n, 0n, 0n, 0n, 0n, 0n, 1n]);
  });
  await t.step("a clone is tried, and its refusal told", () => {
    assert.equal(clone("/a/disk", "/a/copy", system), true);
    assert.equal(clone("/a/disk", "/Volumes/other", system), false);
    assert.deepEqual(calls.splice(0), [
      ["clonefile", "/a/disk", "/a/copy", 0],
      ["clonefile", "/a/disk", "/Volumes/other", 0],
    ]);
  });
  await t.step("a folder is kept out of Time Machine as tmutil does", () => {
    assert.equal(excludeFromBackups("/u/a/ctr", system), true);
    const [, path, name, value, size] = calls.pop() as [string, string, string, Uint8Array, bigint];
    assert.deepEqual(
      [path, name, size],
      ["/u/a/ctr", "com.apple.metadata:com_apple_backup_excludeItem", BigInt(value.length)],
    );
    assert.equal(
      new TextDecoder("latin1").decode(value.subarray(0, 28)),
      "bplist00_\x10\x11com.apple.backupd",
    );
    // The table of offsets lies where the trailer's last number says, and names the object.
    assert.equal(value[value.length - 1], 28);
    assert.equal(value[28], 8);
    assert.equal(value.length, 28 + 1 + 32);
  });
  await t.step("nothing of it is done elsewhere", () => {
    assert.equal(excludeFromBackups("/tmp", undefined), false);
  });
});

/** The shim's keychain as it answers: `secret` is handed over in memory of its own. */
function shim(status: number, secret = "") {
  const asked: unknown[] = [];
  const bytes = new TextEncoder().encode(secret);
  let freed = 0;
  const symbols = {
    ctrvz_free: () => void freed++,
    ctrvz_secret_set: (query: Uint8Array, data: Uint8Array) => {
      asked.push(JSON.parse(text(query)), text(data));
      return Promise.resolve(status);
    },
    ctrvz_secret_get: (query: Uint8Array, data: BigUint64Array, length: Uint32Array) => {
      asked.push(JSON.parse(text(query)));
      if (status === 0) data[0] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
      length[0] = bytes.length;
      return Promise.resolve(status);
    },
    ctrvz_secret_delete: (query: Uint8Array) => {
      asked.push(JSON.parse(text(query)));
      return Promise.resolve(status);
    },
  };
  const keychain: Keychain = openKeychain(symbols as unknown as KeychainSymbols, 100);
  return { keychain, asked, freed: () => freed };
}

Deno.test("the keychain", async (t) => {
  const item = { server: "ghcr.io", account: "me" };
  await t.step("gives a password, and its memory back", async () => {
    const { keychain, asked, freed } = shim(0, "pä ss");
    assert.equal(await keychain.get(item), "pä ss");
    assert.deepEqual([asked, freed()], [[{ domain: "dev.ctr.registry", ...item }], 1]);
  });
  await t.step("keeps one under a label that people can read", async () => {
    const { keychain, asked } = shim(0);
    await keychain.set(item, "secret");
    assert.deepEqual(asked, [
      { domain: "dev.ctr.registry", ...item, label: "ctr: ghcr.io" },
      "secret",
    ]);
  });
  await t.step("without the password is no error", async () => {
    assert.equal(await shim(-25300).keychain.get(item), undefined);
    assert.equal(await shim(-25300).keychain.remove("ghcr.io"), false);
    assert.equal(await shim(0).keychain.remove("ghcr.io"), true);
  });
  await t.step("that is locked says so", async () => {
    await assert.rejects(shim(-25308).keychain.get(item), {
      code: "unavailable",
      message: "cannot use the keychain: it is locked, and nobody can be asked here",
    });
  });
  await t.step("that waits for somebody who is not there is not waited for", async () => {
    const symbols = { ctrvz_secret_get: () => new Promise<never>(() => {}) };
    const keychain = openKeychain(symbols as unknown as KeychainSymbols, 20);
    await assert.rejects(keychain.get(item), { code: "timeout" });
  });
});

Deno.test("paths are the system's own where CTR_HOME and CTR_CACHE do not say otherwise", () => {
  const env = { HOME: "/u/a" };
  assert.equal(ctrHome(env, "darwin"), "/u/a/Library/Application Support/ctr");
  assert.equal(cacheFolder(env, "darwin"), "/u/a/Library/Caches/ctr");
  assert.equal(ctrHome(env, "linux"), "/u/a/.local/share/ctr");
  assert.equal(cacheFolder({ ...env, CTR_CACHE: "/c" }, "darwin"), "/c");
});
