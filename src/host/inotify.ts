/** Linux's inotify, of which Deno's own watcher shows too little: no renames, no end of writing. */
const IN_CLOEXEC = 0o2000000;
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  EXCL_UNLINK: 0x4000000,
  MASK_ADD: 0x20000000,
  ISDIR: 0x40000000,
} as const;

const ENOSPC = 28;
/** A whole burst fits; the kernel keeps what does not. */
const BUFFER = 256 * 1024;
const HEADER = 16;

export interface InotifyEvent {
  /** Of the watch; -1 when the kernel had to drop events. */
  readonly wd: number;
  readonly mask: number;
  /** The two halves of a rename have the same. */
  readonly cookie: number;
  /** Empty: the watched file itself. */
  readonly name: string;
}

/** One inotify descriptor, with a thread that waits at it. */
export class Inotify {
  readonly #libc = open();
  readonly #fd: number;
  readonly #take: (events: readonly InotifyEvent[]) => void;
  #closed = false;

  /** @throws {Error} if the user has no inotify instance left. */
  constructor(take: (events: readonly InotifyEvent[]) => void) {
    this.#take = take;
    this.#fd = this.#libc.symbols.inotify_init1(IN_CLOEXEC);
    if (this.#fd < 0) throw new Error("the user has no inotify instance left");
    this.#read();
  }

  /** @returns The watch; `undefined` if the path is gone, `"full"` if the user has no watch left. */
  add(path: string, mask: number): number | "full" | undefined {
    const wd = this.#libc.symbols.inotify_add_watch(this.#fd, cString(path), mask);
    if (wd >= 0) return wd;
    return this.#errno() === ENOSPC ? "full" : undefined;
  }

  remove(wd: number): void {
    if (!this.#closed) this.#libc.symbols.inotify_rm_watch(this.#fd, wd);
  }

  /** Ends the thread: the end of a watch of its own wakes it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const wd = this.#libc.symbols.inotify_add_watch(this.#fd, cString("/"), IN.DELETE);
    if (wd >= 0) this.#libc.symbols.inotify_rm_watch(this.#fd, wd);
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(BUFFER);
    while (!this.#closed) {
      const length = Number(await this.#libc.symbols.read(this.#fd, buffer, BigInt(BUFFER)));
      if (this.#closed || length <= 0) break;
      this.#take([...parse(buffer.subarray(0, length))]);
    }
    this.#libc.symbols.close(this.#fd);
    this.#libc.close();
  }

  #errno(): number {
    const place = this.#libc.symbols.__errno_location();
    return place === null ? 0 : new Deno.UnsafePointerView(place).getInt32();
  }
}

/** `struct inotify_event` after `struct inotify_event`; names end with zeros. */
export function* parse(bytes: Uint8Array): Generator<InotifyEvent> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at + 12, true);
    const name = bytes.subarray(at + HEADER, at + HEADER + length);
    const end = name.indexOf(0);
    yield {
      wd: view.getInt32(at, true),
      mask: view.getUint32(at + 4, true),
      cookie: view.getUint32(at + 8, true),
      name: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
    };
    at += HEADER + length;
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function open() {
  return Deno.dlopen("libc.so.6", {
    inotify_init1: { parameters: ["i32"], result: "i32" },
    inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    inotify_rm_watch: { parameters: ["i32", "i32"], result: "i32" },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
    close: { parameters: ["i32"], result: "i32" },
    __errno_location: { parameters: [], result: "pointer" },
  });
}
