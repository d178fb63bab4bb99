import assert from "node:assert/strict";
import { join } from "node:path";
import { CAPABILITIES, collect, TestVm } from "../guest/vm.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const registry = Deno.env.get("CTR_TEST_REGISTRY");

/** The layers of an arm64 image as ctr unpacks them. */
async function layers(home: string): Promise<string[]> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", "--unstable-vsock", `${ROOT}main.ts`],
      ...["image", "pull", "--platform", "linux/arm64", `${registry}/busybox:latest`],
    ],
    env: { CTR_HOME: home, CTR_IDLE_TIMEOUT: "1s" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const names = await Array.fromAsync(Deno.readDir(join(home, "layers")), ({ name }) => name);
  return names.filter((name) => name.endsWith(".ext4")).map((name) => join(home, "layers", name));
}

/**
 * What a Mac boots: the arm64 kernel and vminitd, with virtio devices on PCI behind a GICv3 and the console on
 * hvc0, which is what Virtualization.framework has. Its vsock stays untried: QEMU's takes a host with vhost.
 */
const name =
  "the arm64 guest boots on the devices of Virtualization.framework and runs an arm64 image";
Deno.test({
  name: registry ? name : `${name} (skipped: CTR_TEST_REGISTRY names no registry)`,
  ignore: registry === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const home = await Deno.makeTempDir({ prefix: "ctr-arm64-" });
    const disks = (await layers(home)).map((path, at) => ({
      path,
      serial: `layer${at}`,
      readonly: true,
    }));
    try {
      await using vm = await TestVm.start(home, {
        arch: "arm64",
        pci: true,
        disks,
        nic: "02:00:00:00:00:01",
      });
      const guest = await vm.connect();
      await guest.startContainer({
        containerId: "c1",
        hostname: "box",
        rootfs: { layerSerials: disks.map(({ serial }) => serial), upperSerial: "" },
        process: {
          id: "c1",
          args: ["/bin/sh", "-c", "uname -m; ls /sys/bus/pci/devices | wc -l; exit 7"],
          security: { capabilities: CAPABILITIES },
        },
        maskedPaths: [],
        readonlyPaths: [],
        network: { nameservers: [], search: [] },
      });
      const { out, exit } = await collect(guest, "c1");
      assert.equal(exit.status, 7);
      const [machine, devices] = out.trim().split("\n");
      assert.equal(machine, "aarch64");
      assert.ok(Number(devices) >= disks.length + 5, `${devices} devices on PCI`);
      assert.match(await vm.consoleText(), /vminitd ready/);
      guest.close();
    } finally {
      for (let tries = 0; tries < 50; tries++) {
        if (await Deno.remove(home, { recursive: true }).then(() => true, () => false)) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  },
});
