/**
 * What ctrvz.m is compiled against is what Apple has: hand-declared headers against the facts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { declarations, disagreements, systemHeaders } from "./declarations.ts";
import { FFI, readFacts } from "./facts.ts";
import { built } from "./shim.ts";

/** A change to a header, and what must be said of it. */
const PLANTED: readonly (readonly [string, string, string, RegExp])[] = [
  [
    VZ(),
    "forPort:(uint32_t)port;\n- (void)removeS",
    "forPort:(uint64_t)port;\n- (void)removeS",
    /setSocketListener:forPort: is v@:@I, not v@:@Q/,
  ],
  [
    VZ(),
    "setMachineIdentifier:",
    "setMachineId:",
    /VZGenericPlatformConfiguration has no -setMachineId:/,
  ],
  [VZ(), "+ (BOOL)isSupported", "- (BOOL)isSupported", /VZVirtualMachine has no -isSupported/],
  [
    VZ(),
    "VZLinuxBootLoader : VZBootLoader",
    "VZLinuxBootLoader : VZ_ROOT",
    /VZLinuxBootLoader is a VZBootLoader, not a NSObject/,
  ],
  [
    VZ(),
    "CachingModeCached = 2",
    "CachingModeCached = 3",
    /VZDiskImageCachingModeCached is 2, not 3/,
  ],
  [
    VZ(),
    "startWithCompletionHandler:(void (^)(NSError *error))",
    "startWithCompletionHandler:(void (^)(void))",
    /startWithCompletionHandler: takes void \(\^\)\(NSError \*\), not void \(\^\)\(void\)/,
  ],
  [
    VZ(),
    "API_AVAILABLE(macos(26.0))\n@interface VZVmnet",
    "@interface VZVmnet",
    /VZVmnetNetworkDeviceAttachment is of macOS 26\.0/,
  ],
  [
    VZ(),
    "didStopWithError:(NSError *)error;",
    "didStopWith:(NSError *)error;",
    /VZVirtualMachineDelegate has no -virtualMachine:didStopWith:/,
  ],
  [
    VZ(),
    "@interface VZNATNetworkDeviceAttachment",
    "@interface VZNatAttachment : VZ_ROOT\n@end\n@interface VZNATNetworkDeviceAttachment",
    /no class VZNatAttachment/,
  ],
  [
    "apple/vmnet/vmnet.h",
    "VMNET_HOST_MODE = 1000",
    "VMNET_HOST_MODE = 1001",
    /VMNET_HOST_MODE is 1000, not 1001/,
  ],
  [
    "apple/vmnet/vmnet.h",
    "uint8_t protocol,",
    "uint16_t protocol,",
    /add_port_forwarding_rule is vmnet_return_t/,
  ],
  [
    "apple/Security/Security.h",
    "errSecItemNotFound = -25300",
    "errSecItemNotFound = -25301",
    /errSecItemNotFound is -25300/,
  ],
  [
    "apple/Security/Security.h",
    "CFStringRef kSecAttrServer",
    "CFStringRef kSecAttrHost",
    /no constant kSecAttrHost/,
  ],
  ["darwin/os/log.h", "const char *category);", "int category);", /os_log_create is os_log_t/],
];

function VZ() {
  return "apple/Virtualization/Virtualization.h";
}

Deno.test("the declarations agree with the facts, and mistakes in them are found", async (t) => {
  await built("darwin"); // which fetches the headers of libSystem
  const [facts, system] = [await readFacts(), await systemHeaders()];
  await t.step("they agree", async () => {
    const tree = await declarations(join(FFI, "declared"), system);
    assert.deepEqual(disagreements(tree, facts), []);
    const classes = tree.filter(({ kind, name }) =>
      kind === "ObjCInterfaceDecl" && name?.startsWith("VZ")
    );
    assert(classes.length > 40, "the headers were not read");
  });
  const folder = await Deno.makeTempDir({ prefix: "ctr-declared-" });
  try {
    await copy(join(FFI, "declared"), folder);
    for (const [file, before, after] of PLANTED) {
      const text = await Deno.readTextFile(join(folder, file));
      assert.equal(text.split(before).length, 2, `"${before}" is not once in ${file}`);
      await Deno.writeTextFile(join(folder, file), text.replace(before, after));
    }
    const found = disagreements(await declarations(folder, system), facts);
    for (const [, , after, sentence] of PLANTED) {
      await t.step(`finds ${after.split("\n").at(-1)}`, () => {
        assert(found.some((each) => sentence.test(each)), found.join("\n"));
      });
    }
    await t.step("finds nothing else", () => assert.equal(found.length, PLANTED.length));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
