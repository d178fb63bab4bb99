import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { CtrError, writeFileAtomic } from "../../core/mod.ts";
import { closeOnExec, shortSocketPath } from "../../host/mod.ts";

/** By which a socket's file is known to be ours after its engine was killed. */
const Made = z.record(z.string(), z.object({ dev: z.number(), ino: z.number() }));
type Made = z.infer<typeof Made>;

/** In the container's folder. */
const RECORD = "sockets.json";

/** The sockets that a container has on the host. */
export class HostSockets {
  readonly #folder: string;
  readonly #servers = new Map<string, Server>();

  /** @param folder The container's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Listens at `path`, with the folders above it made. A file that is there is replaced and its mode kept; so
   * is a socket that an engine which was killed has made for this container.
   *
   * @throws {CtrError} `exists` if there is another socket or a folder, `denied` if it cannot be made.
   */
  async listen(path: string, serve: (socket: Socket) => void): Promise<void> {
    const cannot = `cannot publish a socket at "${path}"`;
    const made = await this.#made();
    const info = await Deno.lstat(path).catch(() => undefined);
    const ours = info !== undefined && made[path]?.dev === info.dev && made[path].ino === info.ino;
    if (info?.isSocket && !ours) {
      throw new CtrError("exists", `${cannot}: there is a socket already`, {
        hint: "end what listens there, or remove the socket if nothing does",
      });
    }
    if (info?.isDirectory) throw new CtrError("exists", `${cannot}: there is a folder`);
    const mode = info?.isFile ? (info.mode ?? 0o600) & 0o777 : 0o600;
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      await this.#bind(path, serve, mode);
    } catch (cause) {
      throw new CtrError("denied", `${cannot}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Under another name first, so that it is written down before anybody can take it for a stranger's. */
  async #bind(path: string, serve: (socket: Socket) => void, mode: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, serve);
    const temporary = join(
      dirname(path),
      `.${basename(path).slice(0, 40)}.${crypto.randomUUID().slice(0, 8)}`,
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    {
      using short = shortSocketPath(temporary);
      server.once("error", reject).listen({ path: short.path }, resolve);
      await promise;
    }
    closeOnExec(server);
    try {
      await Deno.chmod(temporary, mode);
      const { dev, ino } = await Deno.lstat(temporary);
      await this.#remember({ ...await this.#made(), [path]: { dev, ino: ino ?? 0 } });
      await Deno.rename(temporary, path);
    } catch (error) {
      server.close();
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
    this.#servers.set(path, server);
  }

  /** Stops listening and leaves the files, for an engine that ends while the container lives on. */
  release(): void {
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }

  /** Stops listening and removes what is ours of the files, an earlier engine's too. */
  async remove(): Promise<void> {
    this.release();
    const made = await this.#made();
    for (const [path, { dev, ino }] of Object.entries(made)) {
      const info = await Deno.lstat(path).catch(() => undefined);
      if (info?.isSocket && info.dev === dev && info.ino === ino) {
        await Deno.remove(path).catch(() => {});
      }
    }
    await Deno.remove(join(this.#folder, RECORD)).catch(() => {});
  }

  async #made(): Promise<Made> {
    const text = await Deno.readTextFile(join(this.#folder, RECORD)).catch(() => "{}");
    try {
      return Made.parse(JSON.parse(text));
    } catch {
      return {};
    }
  }

  async #remember(made: Made): Promise<void> {
    await writeFileAtomic(join(this.#folder, RECORD), JSON.stringify(made) + "\n");
  }
}
