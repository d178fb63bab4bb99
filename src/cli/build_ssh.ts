import { resolve } from "node:path";
import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";

export interface SshAgent {
  readonly id: string;
  readonly socket: string;
}

/** Agents that steps may use. Those that were started for keys end with it. */
export interface SshAgents extends AsyncDisposable {
  readonly agents: readonly SshAgent[];
}

/** How long an agent may take to begin, and to take a key. */
const AGENT_MS = 10_000;

/**
 * `--ssh default`, `ID`, `ID=SOCKET`, `ID=KEY[,KEY…]`. Keys go into an agent of their own.
 *
 * @throws {CtrError} `usage`, `not-found`, `unavailable` without an agent.
 */
export async function sshAgents(
  texts: readonly string[],
  lookup: (name: string) => string | undefined,
): Promise<SshAgents> {
  const agents: SshAgent[] = [];
  const started: OwnAgent[] = [];
  const end = async () => {
    for (const agent of started) await agent.end();
  };
  try {
    for (const text of texts) {
      const [id = "", value] = text.split(/=(.*)/s);
      if (id === "" || agents.some((each) => each.id === id)) {
        throw usage(`cannot use --ssh "${text}": want an id, each once`);
      }
      const paths = (value ?? "").split(",").filter(Boolean);
      agents.push({ id, socket: await socketOf(text, paths, lookup, started) });
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { agents, [Symbol.asyncDispose]: end };
}

async function socketOf(
  text: string,
  paths: readonly string[],
  lookup: (name: string) => string | undefined,
  started: OwnAgent[],
): Promise<string> {
  if (paths.length === 0) {
    const socket = lookup("SSH_AUTH_SOCK");
    if (socket) return resolve(socket);
    throw new CtrError("unavailable", `cannot use --ssh "${text}": no SSH agent runs`, {
      hint: "start one (ssh-agent), or give keys: --ssh default=PATH",
    });
  }
  const kinds = await Promise.all(paths.map((path) => kindOf(text, path)));
  if (!kinds.includes("socket")) {
    const agent = await OwnAgent.start(text, paths);
    started.push(agent);
    return agent.socket;
  }
  if (paths.length === 1) return resolve(paths[0]!);
  throw usage(`cannot use --ssh "${text}": a socket stands alone`);
}

async function kindOf(text: string, path: string): Promise<"socket" | "key"> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) {
    throw new CtrError("not-found", `cannot use --ssh "${text}": there is no "${path}"`);
  }
  if (info.isDirectory) throw usage(`cannot use --ssh "${text}": "${path}" is a folder`);
  return info.isSocket ? "socket" : "key";
}

/** An `ssh-agent` for some keys, in a folder that nobody else can enter. */
class OwnAgent {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(process: Deno.ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
  }

  get socket(): string {
    return `${this.#folder}/agent.sock`;
  }

  static async start(text: string, keys: readonly string[]): Promise<OwnAgent> {
    const folder = await Deno.makeTempDir({ prefix: "ctr-ssh-" });
    try {
      const args = ["-D", "-a", `${folder}/agent.sock`];
      const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
      const process = new Deno.Command("ssh-agent", { args, ...quiet }).spawn();
      const agent = new OwnAgent(process, folder);
      try {
        await agent.#listening(text);
        for (const key of keys) await agent.#add(text, key);
        return agent;
      } catch (error) {
        await agent.end();
        throw error;
      }
    } catch (error) {
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new CtrError("unavailable", `cannot use --ssh "${text}": there is no ssh-agent`, {
        hint: "install OpenSSH's client",
      });
    }
  }

  async end(): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch { /* it has ended */ }
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }

  /** It tells nobody when it listens. */
  async #listening(text: string): Promise<void> {
    for (const until = performance.now() + AGENT_MS; performance.now() < until;) {
      if (await Deno.stat(this.socket).then(() => true, () => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new CtrError("timeout", `cannot use --ssh "${text}": ssh-agent does not begin`);
  }

  /** Asks for the key's passphrase at the terminal, as `ssh-add` does. */
  async #add(text: string, key: string): Promise<void> {
    const { code, stderr } = await new Deno.Command("ssh-add", {
      args: ["-q", key],
      env: { SSH_AUTH_SOCK: this.socket },
      stdin: "inherit",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code === 0) return;
    const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
    throw new CtrError("bad-data", `cannot use --ssh "${text}": ssh-add: ${said}`);
  }
}
