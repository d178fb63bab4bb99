import { CtrError, withDeadline } from "../core/mod.ts";
import type { Vm, VmExit } from "../hypervisor/mod.ts";
import type { Guest } from "./guest.ts";

/** Connects to a VM's guest and says hello. */
export type ConnectGuest = (vm: Vm, deadlineMs: number) => Promise<Guest>;

/** The port that vminitd listens on. */
export const GUEST_PORT = 1024;
const RECONNECT_MS = 10_000;
/** What a guest gets for unmounting and syncing, beyond the grace of its processes. */
const SYNC_MS = 20_000;
const STOP_MS = 5000;

/** A VM together with the connection to its guest. */
export class RunningVm {
  readonly vm: Vm;
  readonly #connect: ConnectGuest;
  #guest: Guest;
  #reconnecting: Promise<Guest> | undefined;
  #gone = false;
  /** Resolves when the VM has ended, whoever ended it. */
  readonly ended: Promise<VmExit>;

  constructor(vm: Vm, guest: Guest, connect: ConnectGuest) {
    this.vm = vm;
    this.#guest = guest;
    this.#connect = connect;
    this.ended = vm.wait().then((exit) => {
      this.#gone = true;
      this.#guest.close();
      return exit;
    });
  }

  get guest(): Guest {
    return this.#guest;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /**
   * A new connection after the old one broke. Callers that come together share one.
   *
   * @throws {CtrError} `timeout`, or `unavailable` if the VM is gone.
   */
  reconnect(): Promise<Guest> {
    if (this.#gone) {
      return Promise.reject(
        new CtrError("unavailable", "cannot reach the guest: its VM has ended"),
      );
    }
    this.#reconnecting ??= this.#replace().finally(() => this.#reconnecting = undefined);
    return this.#reconnecting;
  }

  async #replace(): Promise<Guest> {
    this.#guest.close();
    this.#guest = await this.#connect(this.vm, RECONNECT_MS);
    return this.#guest;
  }

  /** Lets the guest write everything down, then ends the VM. A guest that hangs is not waited for. */
  async shutdown(graceMs: number): Promise<void> {
    try {
      await withDeadline(
        "waiting for the guest to shut down",
        graceMs + SYNC_MS,
        () => Promise.race([this.#guest.shutdown(graceMs), this.ended]),
      );
    } catch {
      // what the guest cannot do any more is not done
    }
    await this.vm.stop(STOP_MS).catch(() => this.vm.kill());
    this.#guest.close();
  }

  async kill(): Promise<void> {
    await this.vm.kill();
    this.#guest.close();
  }

  /** Lets go of the VM, which lives on for the next engine. */
  release(): void {
    this.#guest.close();
    this.vm.release();
  }
}
