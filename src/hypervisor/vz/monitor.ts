import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import { ControlServer } from "./control_server.ts";
import { HeldVm } from "./held_vm.ts";
import type { Call } from "./protocol.ts";
import { type NetworkRecord, readRecord, readVmRecord, SOCKETS, type VmRecord } from "./record.ts";
import { type NetworkHandle, Shim, shimHost, type VmHandle } from "./shim.ts";

/** A network without VMs is kept this long: its next VM may be on the way. */
const EMPTY_MS = 3000;

/**
 * The role `ctr vm`: holds the VM whose record is in a folder, or a network and the VMs on it, and ends
 * with them.
 *
 * @param args The folder; or `--host` and the shim's path.
 * @returns What is to be printed: with `--host` what this Mac can do.
 */
export async function monitorMain(args: readonly string[]): Promise<string> {
  const [folder, library] = args;
  if (folder === "--host" && library) return JSON.stringify(await shimHost(library));
  if (!folder?.startsWith("/")) throw new CtrError("usage", "cannot run a VM: no folder is given");
  const record = await readRecord(folder);
  if (!record) throw new CtrError("not-found", `cannot run a VM: "${folder}" holds no record`);
  const monitor = new Monitor(record.library);
  if (record.kind === "vm") await monitor.hold(folder, record);
  else await monitor.holdNetwork(folder, record);
  await monitor.ended;
  return "";
}

class Monitor {
  readonly ended: Promise<void>;
  readonly #settle: () => void;
  readonly #shim: Shim;
  readonly #vms = new Map<VmHandle, HeldVm>();
  readonly #folders = new Map<string, HeldVm>();
  #control: ControlServer | undefined;
  #empty: ReturnType<typeof setTimeout> | undefined;

  constructor(library: string) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = resolve;
    this.#shim = Shim.open(library, {
      onEvent: (event) => {
        const vm = this.#vms.get(event.vm as VmHandle);
        if (event.event === "stopped") vm?.stopped(event.error);
        if (event.event === "network-lost") vm?.lost(`its network device ${event.nic} was lost`);
      },
      onBroken: (why) => {
        const reason = `Virtualization.framework cannot be followed: ${why}`;
        this.#shim.log(16, reason);
        for (const vm of this.#folders.values()) vm.lost(reason);
      },
    });
  }

  /** @throws Why the VM does not run; who waits for it is told too. */
  async hold(folder: string, record: VmRecord, network?: NetworkHandle): Promise<void> {
    const vm = new HeldVm(this.#shim, folder, record, network);
    this.#folders.set(folder, vm);
    clearTimeout(this.#empty);
    let handle: VmHandle | undefined;
    const gone = () => {
      if (handle !== undefined) this.#vms.delete(handle);
      this.#folders.delete(folder);
      this.#endWhenEmpty();
    };
    try {
      await vm.start((made) => {
        handle = made;
        this.#vms.set(made, vm);
      });
    } catch (error) {
      gone();
      throw error;
    }
    vm.ended.then(gone);
  }

  async holdNetwork(folder: string, record: NetworkRecord): Promise<void> {
    const path = join(folder, SOCKETS.control);
    await Deno.remove(path).catch(() => {});
    const network = Promise.withResolvers<NetworkHandle>();
    network.promise.catch(() => {}); // told below
    this.#control = await ControlServer.listen(path, async (call) => {
      return await this.#obey(folder, call, await network.promise);
    });
    const { name, ...config } = record.network;
    try {
      network.resolve(await this.#shim.createNetwork(name, defined(config)));
    } catch (error) {
      network.reject(error);
      await this.#control.failed(error);
      await Deno.remove(path).catch(() => {});
      throw error;
    }
    this.#control.ready();
    this.#empty = setTimeout(() => this.#endWhenEmpty(), EMPTY_MS);
    this.ended.then(() => Deno.remove(path).catch(() => {}));
  }

  async #obey(monitor: string, call: Call, network: NetworkHandle): Promise<unknown> {
    switch (call.call) {
      case "ping":
        return;
      case "holds":
        return this.#folders.has(call.folder);
      case "add": {
        const record = await readVmRecord(call.folder);
        if (record?.monitor === monitor) return await this.hold(call.folder, record, network);
        throw new CtrError("not-found", `cannot run a VM: "${call.folder}" holds no record for us`);
      }
      default:
        throw new CtrError("usage", `cannot ${call.call} a network`);
    }
  }

  #endWhenEmpty(): void {
    if (this.#folders.size > 0) return;
    if (!this.#control) return this.#settle();
    clearTimeout(this.#empty);
    this.#empty = setTimeout(async () => {
      if (this.#folders.size > 0) return;
      await this.#control!.ended({ how: "stopped" });
      this.#settle();
    }, EMPTY_MS);
  }
}

/** Without the keys that are undefined, which a schema may leave behind. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return JSON.parse(JSON.stringify(value));
}
