/** A host of its own, as far as networks go: a network namespace. It goes with its only process. */
export class NetworkNamespace implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;
  readonly #servers: Deno.ChildProcess[] = [];

  private constructor(keeper: Deno.ChildProcess) {
    this.#keeper = keeper;
  }

  static async make(): Promise<NetworkNamespace> {
    const keeper = new Deno.Command("unshare", {
      args: ["--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep 1000"],
      stdout: "piped",
    }).spawn();
    const made = new NetworkNamespace(keeper);
    await said(keeper);
    return made;
  }

  /** In front of a command that shall run in it. */
  get within(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#keeper.pid}/ns/net`];
  }

  /** @returns What it prints. */
  async run(...command: string[]): Promise<string> {
    const [program = "", ...args] = [...this.within, ...command];
    const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }

  /** Two hosts on one wire: `here` has 192.0.2.1, `there` 192.0.2.2. */
  async connect(there: NetworkNamespace): Promise<void> {
    const far = String(there.#keeper.pid);
    await this.run("ip", "link", "add", "wire0", "type", "veth", "peer", "wire1", "netns", far);
    await this.run("ip", "addr", "add", "192.0.2.1/24", "dev", "wire0");
    await this.run("ip", "link", "set", "wire0", "up");
    await there.run("ip", "addr", "add", "192.0.2.2/24", "dev", "wire1");
    await there.run("ip", "link", "set", "wire1", "up");
  }

  /** An HTTP server that answers with the address of who asks. */
  async serve(address: string, port: number): Promise<void> {
    const server = this.#deno(
      `Deno.serve({ hostname: "${address}", port: ${port}, onListen: () => console.log("ready") },` +
        `(_, { remoteAddr }) => new Response("you are " + remoteAddr.hostname + "\\n"));`,
    );
    this.#servers.push(server);
    await said(server);
  }

  async fetch(url: string): Promise<string> {
    const script = `console.log(await (await fetch("${url}")).text())`;
    const { success, stdout, stderr } = await this.#deno(script).output();
    if (success) return new TextDecoder().decode(stdout).trim();
    throw new Error(`${url}: ${new TextDecoder().decode(stderr)}`);
  }

  #deno(script: string): Deno.ChildProcess {
    const [program = "", ...args] = [...this.within, Deno.execPath(), "eval", script];
    return new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#servers, this.#keeper]) {
      child.kill("SIGKILL");
      await child.output().catch(() => {}); // its output was read already
    }
  }
}

/** Resolves when a process has said something. */
async function said(child: Deno.ChildProcess): Promise<void> {
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error("a process has ended before it said anything");
}
