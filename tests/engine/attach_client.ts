import {
  encodeFrame,
  type Exit,
  Frame,
  FrameDecoder,
  type ReceivedFrame,
} from "../../src/api/mod.ts";

/** A client of an attached stream, which keeps all that it gets. */
export class AttachClient {
  readonly #conn: Deno.UnixConn;
  readonly #exit = Promise.withResolvers<Exit>();
  readonly #started = Promise.withResolvers<void>();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  /** Behind the last byte of output. */
  offset: number;
  /** Bytes of output received. */
  received = 0;
  /** False: output is counted, not kept. */
  keep = true;
  #input = 0;

  private constructor(conn: Deno.UnixConn, from: number) {
    this.#conn = conn;
    this.offset = from;
    this.#exit.promise.catch(() => {});
    this.#started.promise.catch(() => {});
  }

  static async open(socket: string, path: string): Promise<AttachClient> {
    const conn = await Deno.connect({ transport: "unix", path: socket });
    const head = `GET ${path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\n` +
      `Upgrade: ctr-frames\r\n\r\n`;
    await conn.write(new TextEncoder().encode(head));
    const from = Number(new URL(path, "http://engine").searchParams.get("from") ?? 0);
    const client = new AttachClient(conn, from);
    client.#read().then(
      () => client.#fail(new Error("the engine has gone")),
      (error) => client.#fail(error),
    );
    return client;
  }

  /** Rejects if the engine goes away. */
  get exit(): Promise<Exit> {
    return this.#exit.promise;
  }

  get started(): Promise<void> {
    return this.#started.promise;
  }

  get stdout(): string {
    return text(this.#stdout);
  }

  get stderr(): string {
    return text(this.#stderr);
  }

  async send(type: number, payload?: Uint8Array): Promise<void> {
    const frame = encodeFrame(type, payload);
    for (let at = 0; at < frame.length;) at += await this.#conn.write(frame.subarray(at));
  }

  async input(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const payload = new Uint8Array(8 + bytes.length);
    new DataView(payload.buffer).setBigUint64(0, BigInt(this.#input));
    payload.set(bytes, 8);
    this.#input += bytes.length;
    await this.send(Frame.stdin, payload);
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // closed already
    }
  }

  async #read(): Promise<void> {
    const decoder = new FrameDecoder();
    const buffer = new Uint8Array(256 * 1024);
    let head: string | undefined = "";
    for (let n; (n = await this.#conn.read(buffer)) !== null;) {
      let chunk = buffer.slice(0, n);
      if (head !== undefined) {
        head += new TextDecoder("latin1").decode(chunk);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) continue;
        if (!head.startsWith("HTTP/1.1 101")) throw new Error(head);
        chunk = Uint8Array.from(head.slice(end + 4), (char) => char.charCodeAt(0));
        head = undefined;
      }
      for (const frame of decoder.push(chunk)) this.#take(frame);
    }
  }

  #take({ type, payload }: ReceivedFrame): void {
    const json = () => JSON.parse(new TextDecoder().decode(payload));
    if (type === Frame.stdout || type === Frame.stderr) {
      const offset = Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
      if (offset !== this.offset) throw new Error(`output at ${offset}, wanted ${this.offset}`);
      const data = payload.subarray(8);
      this.offset += data.length;
      this.received += data.length;
      if (this.keep) (type === Frame.stdout ? this.#stdout : this.#stderr).push(data.slice());
    } else if (type === Frame.started) {
      this.#started.resolve();
    } else if (type === Frame.exit) {
      this.#exit.resolve(json());
      this.close();
    } else if (type === Frame.error) {
      this.#fail(new Error(`${json().code}: ${json().message}`));
    }
  }

  #fail(error: Error): void {
    this.#exit.reject(error);
    this.#started.reject(error);
    this.close();
  }
}

function text(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("");
}
