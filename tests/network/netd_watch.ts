/** A control connection to a network's process: `netd/control` describes what is said on it. */
export class NetdWatch implements Disposable {
  readonly #connection: Deno.UnixConn;
  #id = 0;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  static async connect(path: string): Promise<NetdWatch> {
    return new NetdWatch(await Deno.connect({ transport: "unix", path }));
  }

  /** Whether guests are told an address for a name. */
  async knows(name: string): Promise<boolean> {
    const call = JSON.stringify({ id: ++this.#id, call: "ask", with: { name } });
    await this.#connection.write(new TextEncoder().encode(`${call}\n`));
    let text = "";
    for (const buffer = new Uint8Array(4096); !text.endsWith("\n");) {
      const count = await this.#connection.read(buffer);
      if (count === null) throw new Error("the network's process has ended");
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    return JSON.parse(text).result.addresses.length > 0;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
