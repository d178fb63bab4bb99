import assert from "node:assert/strict";
import { Socket } from "node:net";
import { join } from "node:path";
import { SYMBOLS } from "../../src/hypervisor/vz/symbols.ts";
import { type TestGuest, testGuest } from "../contract/guest.ts";

const HERE = new URL(".", import.meta.url).pathname;
const BUILD = join(HERE, "../../ffi/build");
/** The guest of these tests. */
export const INIT = join(HERE, "guest/init.c");

/** One line of the shim's events. */
export interface ShimEvent {
  readonly event: string;
  readonly token?: number;
  readonly vm?: number;
  readonly port?: number;
  readonly fd?: number;
  readonly error?: ShimError;
}

export interface ShimError {
  readonly domain: string;
  readonly code: number;
  readonly message: string;
  readonly reason?: string;
  readonly subject?: string;
}

/** @returns The path of a build of the shim. */
export async function built(what: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(BUILD, { args: [what] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/**
 * The shim on the stand-in, as JSON and numbers: nothing of the driver is between, so what goes over the
 * border is what is tested.
 */
export class Shim implements AsyncDisposable {
  readonly seen: ShimEvent[] = [];
  #changed = Promise.withResolvers<void>();
  #nextToken = 1;

  private constructor(
    readonly path: string,
    readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
    readonly folder: string,
    readonly guest: TestGuest,
    readonly events: Socket,
  ) {}

  /** Once per process: the library is never unloaded. */
  static async open(path: string): Promise<Shim> {
    const folder = await Deno.makeTempDir({ prefix: "ctr-ffi-" });
    const guest = await testGuest("amd64", folder, INIT);
    assert(typeof guest !== "string", String(guest));
    const { symbols } = Deno.dlopen(path, SYMBOLS);
    const events = new Socket({ fd: symbols.ctrvz_events() });
    const shim = new Shim(path, symbols, folder, guest, events);
    shim.#follow(events);
    return shim;
  }

  async [Symbol.asyncDispose]() {
    this.events.destroy();
    await Deno.remove(this.folder, { recursive: true });
  }

  #follow(events: Socket) {
    let rest = "";
    events.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.seen.push(...lines.map((line) => JSON.parse(line)));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  /** Takes the first event that fits, which may have come already. */
  async event(fits: (event: ShimEvent) => boolean, what: string): Promise<ShimEvent> {
    const until = performance.now() + 30_000;
    for (;;) {
      const at = this.seen.findIndex(fits);
      if (at >= 0) return this.seen.splice(at, 1)[0]!;
      const left = until - performance.now();
      assert(left > 0, `no event for ${what}; there were ${JSON.stringify(this.seen)}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      await Promise.race([this.#changed.promise, late]);
      clearTimeout(timer);
    }
  }

  /** Calls with a token and waits for its event. */
  async done(call: (token: number) => number, what: string): Promise<ShimEvent> {
    const token = this.#nextToken++;
    assert.equal(call(token), 0, what);
    return await this.event((each) => each.event === "done" && each.token === token, what);
  }

  /** As `done`, for what must succeed. */
  async ok(call: (token: number) => number, what: string): Promise<ShimEvent> {
    const event = await this.done(call, what);
    assert.equal(event.error, undefined, `${what}: ${JSON.stringify(event.error)}`);
    return event;
  }

  async make(
    of: "vm" | "net",
    values: unknown,
  ): Promise<{ readonly handle: number; readonly error?: ShimError }> {
    const failure = new BigUint64Array(1);
    const text = typeof values === "string" ? values : JSON.stringify(values);
    const handle = await this.symbols[`ctrvz_${of}_create`](
      cString(text),
      new Uint8Array(failure.buffer),
    );
    return { handle, ...(failure[0] !== 0n && { error: JSON.parse(this.textAt(failure)) }) };
  }

  async create(changes: Record<string, unknown> = {}): Promise<number> {
    const { handle, error } = await this.make("vm", this.config(changes));
    assert.equal(error, undefined, JSON.stringify(error));
    return handle;
  }

  /** A VM that is up: its guest answers. */
  async boot(changes: Record<string, unknown> = {}): Promise<number> {
    const vm = await this.create(changes);
    await this.ok((token) => this.symbols.ctrvz_vm_start(vm, token), "start");
    await this.tell(vm, "count");
    return vm;
  }

  config(changes: Record<string, unknown> = {}): Record<string, unknown> {
    const commandLine = "console=hvc0 quiet root=/dev/vda ro rootfstype=ext4 panic=-1";
    const disk = { path: this.guest.bootDisk, readOnly: true, serial: "boot" };
    return {
      kernel: this.guest.kernel,
      commandLine,
      cpus: 1,
      memoryBytes: 96 * 2 ** 20,
      disks: [{ ...disk, caching: "cached", sync: "fsync" }],
      nics: [],
      shares: [],
      balloon: true,
      entropy: true,
      vsock: true,
      ...changes,
    };
  }

  /** Connects to the guest's port, again and again until somebody listens. */
  async connect(vm: number, port = 1024): Promise<Socket> {
    for (let tries = 0; tries < 1000; tries++) {
      const call = (token: number) => this.symbols.ctrvz_vsock_connect(vm, port, token);
      const { fd } = await this.done(call, "connect");
      if (fd !== undefined) return new Socket({ fd, allowHalfOpen: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("the guest does not listen");
  }

  /** Has the guest do something; its answer without "yes" before it. */
  async tell(vm: number, line: string): Promise<string> {
    const stream = await this.connect(vm);
    stream.write(`${line}\n`);
    const answer = await readLine(stream);
    stream.destroy();
    assert.match(answer, /^yes/, `${line}: ${answer}`);
    return answer.slice(4);
  }

  async stop(vm: number): Promise<void> {
    await this.ok((token) => this.symbols.ctrvz_vm_stop(vm, token), "stop");
    assert.equal(await this.symbols.ctrvz_vm_release(vm), 0);
  }

  /** The text that a function has stored; freed here. */
  textAt(cell: BigUint64Array): string {
    return this.text(Deno.UnsafePointer.create(cell[0]!));
  }

  text(pointer: Deno.PointerValue): string {
    assert(pointer !== null, "no text");
    const text = new Deno.UnsafePointerView(pointer).getCString();
    this.symbols.ctrvz_free(pointer);
    return text;
  }
}

export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

export async function readLine(stream: Socket): Promise<string> {
  let text = "";
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += new TextDecoder().decode(chunk as Uint8Array);
    if (text.includes("\n")) break;
  }
  return text.trimEnd();
}

/** The sockets that this process holds, and files without a name. GNUstep has pipes for each thread. */
export function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return /^(socket:|\/memfd:)/.test(Deno.readLinkSync(`/proc/self/fd/${name}`));
    } catch {
      return false; // the listing's own
    }
  }).length;
}
