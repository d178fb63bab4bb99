import { Socket } from "node:net";
import { CtrError, withDeadline } from "../../core/mod.ts";
import { readEvents } from "./events.ts";
import { ENTITLEMENT, faultError } from "./faults.ts";
import {
  HostFacts,
  NetworkFacts,
  type ShimEvent,
  ShimFault,
  type ShimNetworkConfig,
  type ShimVmConfig,
} from "./shapes.ts";
import { ABI, SYMBOLS, type Symbols } from "./symbols.ts";

/** A VM of the shim; a number that is never used again. */
export type VmHandle = number & { readonly vm: true };
export type NetworkHandle = number & { readonly network: true };

/** What is done with a VM and answered by an event. */
export type VmVerb = "start" | "pause" | "resume" | "stop";

/**
 * The shim: JSON and numbers outside, typed values here.
 *
 * Never closed: threads of the framework live in it until the process ends.
 */
export class Shim {
  readonly #symbols: Symbols;
  readonly #waiting = new Map<number, PromiseWithResolvers<number | undefined>>();
  readonly #onEvent: (event: Exclude<ShimEvent, { event: "done" }>) => void;
  #nextToken = 1;
  #broken: CtrError | undefined;

  private constructor(symbols: Symbols, onEvent: ShimOptions["onEvent"]) {
    this.#symbols = symbols;
    this.#onEvent = onEvent;
  }

  /**
   * Loads the library and begins to read its events.
   *
   * @throws {CtrError} `unavailable` if it cannot be loaded; `unsupported` if it is another version.
   */
  static open(path: string, { onEvent, onBroken }: ShimOptions): Shim {
    const symbols = loadShim(path);
    const shim = new Shim(symbols, onEvent);
    const fd = symbols.ctrvz_events();
    if (fd < 0) throw new CtrError("unavailable", `cannot read the events of "${path}": ${fd}`);
    readEvents(new Socket({ fd }), (event) => shim.#take(event), (why) => {
      shim.#broken = new CtrError("unavailable", `cannot follow Virtualization.framework: ${why}`);
      for (const { reject } of shim.#waiting.values()) reject(shim.#broken);
      shim.#waiting.clear();
      onBroken(why);
    });
    return shim;
  }

  machineId(): string {
    return takeText(this.#symbols, this.#symbols.ctrvz_machine_id()) ?? "";
  }

  /** @throws {CtrError} Why the configuration is not valid. */
  async createVm(id: string, config: ShimVmConfig, deadlineMs: number): Promise<VmHandle> {
    const failure = pointerCell();
    const made = this.#symbols.ctrvz_vm_create(json(config), failure);
    const handle = await withDeadline(`making VM "${id}"`, deadlineMs, () => made);
    if (handle === 0) throw this.#failure(`cannot start VM "${id}"`, failure);
    return handle as VmHandle;
  }

  /** Resolves when the framework has done it. */
  async vm(verb: VmVerb, handle: VmHandle, what: string, deadlineMs: number): Promise<void> {
    const call = this.#symbols[`ctrvz_vm_${verb}`];
    await this.#done(what, deadlineMs, (token) => call(handle, token));
  }

  async save(handle: VmHandle, path: string, what: string, deadlineMs: number): Promise<void> {
    const failure = pointerCell();
    if (await this.#symbols.ctrvz_vm_can_save(handle, failure) !== 0) {
      throw this.#failure(what, failure);
    }
    const call = (token: number) => this.#symbols.ctrvz_vm_save(handle, cString(path), token);
    await this.#done(what, deadlineMs, call);
  }

  async restore(handle: VmHandle, path: string, what: string, deadlineMs: number): Promise<void> {
    const call = (token: number) => this.#symbols.ctrvz_vm_restore(handle, cString(path), token);
    await this.#done(what, deadlineMs, call);
  }

  async setMemoryTarget(handle: VmHandle, bytes: number): Promise<void> {
    const status = await this.#symbols.ctrvz_vm_set_memory_target(handle, BigInt(bytes));
    check("cannot change the VM's memory", status);
  }

  async release(handle: VmHandle): Promise<void> {
    check("cannot release the VM", await this.#symbols.ctrvz_vm_release(handle));
  }

  /** @returns A descriptor, the caller's to close. */
  async connect(handle: VmHandle, port: number, deadlineMs: number): Promise<number> {
    const what = `cannot connect to port ${port} of the guest`;
    const call = (token: number) => this.#symbols.ctrvz_vsock_connect(handle, port, token);
    const fd = await this.#done(what, deadlineMs, call);
    if (fd === undefined) throw new CtrError("unavailable", `${what}: there is no descriptor`);
    return fd;
  }

  async createNetwork(name: string, config: ShimNetworkConfig): Promise<NetworkHandle> {
    const failure = pointerCell();
    const handle = await this.#symbols.ctrvz_net_create(json(config), failure);
    if (handle === 0) throw this.#failure(`cannot make network "${name}"`, failure);
    return handle as NetworkHandle;
  }

  networkFacts(handle: NetworkHandle): NetworkFacts {
    const text = takeText(this.#symbols, this.#symbols.ctrvz_net_info(handle));
    return NetworkFacts.parse(JSON.parse(text ?? "{}"));
  }

  /**
   * Two ends of a connection, the caller's to close: of a stream, or of a wire on which a datagram is a
   * frame. What we start inherits neither.
   */
  pair(kind: "stream" | "datagram"): readonly [number, number] {
    const ends = new Int32Array(2);
    const type = kind === "stream" ? 1 : 2;
    check("cannot make a socket", this.#symbols.ctrvz_socketpair(type, ends));
    return [ends[0]!, ends[1]!];
  }

  close(descriptor: number): void {
    this.#symbols.ctrvz_close(descriptor);
  }

  /**
   * Hands a duplicate of a descriptor to whoever reads the other end of a stream, with the byte `F`.
   *
   * @returns False if it cannot be taken now.
   */
  sendDescriptor(socket: number, descriptor: number): boolean {
    return this.#symbols.ctrvz_send_fd(socket, descriptor) === 0;
  }

  /** Throws away the frames that wait. */
  drain(descriptor: number): void {
    this.#symbols.ctrvz_drain(descriptor);
  }

  /** A line in the system's log: 0 default, 16 an error. */
  log(type: 0 | 16, text: string): void {
    this.#symbols.ctrvz_log(type, cString("dev.ctr"), cString("vm"), cString(text));
  }

  async #done(
    what: string,
    deadlineMs: number,
    call: (token: number) => number,
  ): Promise<number | undefined> {
    if (this.#broken) throw this.#broken;
    const token = this.#nextToken++;
    const answer = Promise.withResolvers<number | undefined>();
    this.#waiting.set(token, answer);
    try {
      check(what, call(token));
      return await withDeadline(what.replace(/^cannot /, ""), deadlineMs, () => answer.promise);
    } catch (error) {
      throw error instanceof Fault ? faultError(what, error.fault) : error;
    } finally {
      this.#waiting.delete(token);
    }
  }

  #take(event: ShimEvent): void {
    if (event.event !== "done") return this.#onEvent(event);
    const waiting = this.#waiting.get(event.token);
    if (!waiting) { // too late: nobody wants the connection any more
      if (event.fd !== undefined) this.close(event.fd);
    } else if (event.error) waiting.reject(new Fault(event.error));
    else waiting.resolve(event.fd);
  }

  #failure(what: string, cell: BigUint64Array<ArrayBuffer>): CtrError {
    const text = takeText(this.#symbols, Deno.UnsafePointer.create(cell[0]!));
    return faultError(what, parseFault(text));
  }
}

export interface ShimOptions {
  readonly onEvent: (event: Exclude<ShimEvent, { event: "done" }>) => void;
  /** Events have ended, or are none: nothing can be known of any VM any more. A clause for the user. */
  readonly onBroken: (why: string) => void;
}

const MIB = 2 ** 20;

/**
 * What the host can do, without events: for whoever starts no VM.
 *
 * Whether this program may run VMs shows when one is made: the framework refuses every configuration of a
 * program that is not signed for it, and names what is missing.
 */
export async function shimHost(path: string): Promise<HostFacts> {
  const symbols = loadShim(path);
  const text = takeText(symbols, symbols.ctrvz_host());
  const facts = HostFacts.omit({ entitled: true }).parse(JSON.parse(text ?? "{}"));
  const failure = pointerCell();
  const vm = await symbols.ctrvz_vm_create(json(smallestVm(path, facts)), failure);
  if (vm !== 0) await symbols.ctrvz_vm_release(vm);
  const said = takeText(symbols, Deno.UnsafePointer.create(failure[0]!)) ?? "";
  return { ...facts, entitled: !said.includes(ENTITLEMENT) };
}

/** @param file Any that is there. */
function smallestVm(file: string, { cpus, memoryBytes }: Omit<HostFacts, "entitled">) {
  return {
    kernel: file,
    commandLine: "",
    cpus: Math.max(1, cpus.min),
    memoryBytes: Math.max(64, Math.ceil(memoryBytes.min / MIB)) * MIB,
    disks: [],
    nics: [],
    shares: [],
    balloon: false,
    entropy: false,
    vsock: false,
  };
}

/** @throws {CtrError} `unavailable`, `unsupported`. */
export function loadShim(path: string): Symbols {
  let symbols: Symbols;
  try {
    ({ symbols } = Deno.dlopen(path, SYMBOLS));
  } catch (cause) {
    const fact = cause instanceof Error ? cause.message : String(cause);
    throw new CtrError("unavailable", `cannot load "${path}": ${fact}`, { cause });
  }
  const abi = symbols.ctrvz_abi();
  if (abi === ABI) return symbols;
  throw new CtrError("unsupported", `cannot use "${path}": it is of version ${abi}, not ${ABI}`);
}

class Fault extends Error {
  constructor(readonly fault: ShimFault) {
    super(fault.message);
  }
}

function parseFault(text: string | undefined): ShimFault {
  try {
    return ShimFault.parse(JSON.parse(text ?? ""));
  } catch {
    return { domain: "ctrvz", code: 0, message: text || "it gave no reason" };
  }
}

/** @param status 0, or a negative errno. */
function check(what: string, status: number): void {
  if (status === 0) return;
  throw new CtrError("unavailable", `${what}: error ${-status} of the system`);
}

function pointerCell(): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(1);
}

export function takeText(symbols: Symbols, pointer: Deno.PointerValue): string | undefined {
  if (pointer === null) return undefined;
  try {
    return new Deno.UnsafePointerView(pointer).getCString();
  } finally {
    symbols.ctrvz_free(pointer);
  }
}

export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text.replaceAll("\0", "")}\0`);
}

function json(value: Omit<ShimVmConfig, "machineId"> | ShimNetworkConfig): Uint8Array<ArrayBuffer> {
  return cString(JSON.stringify(value));
}
