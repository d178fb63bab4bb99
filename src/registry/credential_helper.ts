import { z } from "zod";
import { CtrError, withDeadline } from "../core/mod.ts";
import type { Environment } from "../api/mod.ts";
import type { Credentials } from "./types.ts";

const HELPER_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const Answer = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks `docker-credential-NAME` for a server's credentials.
 *
 * @param server As it is kept there: Docker Hub under the address of its first API.
 * @param environment What the helper sees, `PATH` included.
 * @returns Undefined if it has none.
 * @throws {CtrError} `not-found` if it is not installed, `denied` if it fails otherwise,
 * `bad-data` for a name that is no name, `timeout` after 10 s.
 * @see https://github.com/docker/docker-credential-helpers for the protocol
 */
export async function askHelper(
  name: string,
  server: string,
  environment: Environment,
): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(name)) {
    throw new CtrError(
      "bad-data",
      `cannot ask the credential helper "${name.slice(0, 60)}": bad name`,
    );
  }
  const program = `docker-credential-${name}`;
  const path = await findProgram(program, environment["PATH"] ?? "");
  if (path === undefined) {
    throw new CtrError("not-found", `cannot ask ${program} for credentials: it is not installed`);
  }
  try {
    return await withDeadline(
      `waiting for ${program}`,
      HELPER_MS,
      (signal) => ask(path, server, environment, signal),
    );
  } catch (cause) {
    if (cause instanceof CtrError) throw cause;
    // Without its cause: the words of a parser quote what it read, which is secrets.
    throw new CtrError("denied", `cannot ask ${program} for credentials: it failed`);
  }
}

async function ask(
  program: string,
  server: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const child = new Deno.Command(program, {
    args: ["get"],
    env: { ...environment },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal,
  }).spawn();
  const writer = child.stdin.getWriter();
  // A helper that ends without reading breaks the pipe; its status tells what it meant.
  await writer.write(new TextEncoder().encode(server)).catch(() => {});
  await writer.close().catch(() => {});
  const text = await firstBytes(child.stdout);
  if (text === undefined) {
    child.kill("SIGKILL");
    await child.status;
    throw new Error(`it says more than ${MAX_ANSWER_BYTES} bytes`);
  }
  const { success } = await child.status;
  if (!success) return undefined; // "credentials not found" is a failure in this protocol
  const { Username, Secret } = Answer.parse(JSON.parse(text));
  if (Username === "" && Secret === "") return undefined;
  return Username === "<token>"
    ? { kind: "token", refreshToken: Secret }
    : { kind: "basic", username: Username, password: Secret };
}

async function firstBytes(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** The program is looked for on the caller's path, which need not be ours. */
async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(":")) {
    if (!folder.startsWith("/")) continue; // a name in the current folder would be anyone's
    const found = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
    if (found?.isFile && ((found.mode ?? 0) & 0o111) !== 0) return `${folder}/${name}`;
  }
  return undefined;
}
