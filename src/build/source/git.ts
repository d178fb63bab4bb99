/**
 * Git repositories as contexts and as sources of ADD, by the `git` in PATH.
 *
 * A repository is a stranger: no hooks are run, nothing but network protocols is followed, also by its
 * submodules, and nobody is asked for a password.
 */
import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import { shown } from "./http.ts";

export interface GitReference {
  readonly remote: string;
  /** Undefined: what the server's HEAD is. */
  readonly ref: string | undefined;
  readonly folder: string | undefined;
}

/** Fetching takes at most so long without an end. */
const DEADLINE_MS = 30 * 60_000;

/**
 * Reads `https://host/repo.git#ref:folder`, `git@host:path`, `ssh://…`, `git://…`, `…?ref=&subdir=`.
 *
 * @returns Undefined if it names no repository.
 */
export function parseGitReference(text: string): GitReference | undefined {
  const [address = "", fragment] = text.split(/#(.*)/s);
  const isScp = /^[\w.-]+@[\w.-]+:(?!\/\/)\S+$/.test(address);
  const isGit = /^(?:git|ssh):\/\//.test(address) || isScp ||
    /^https?:\/\/[^?]+\.git(?:\?|$)/.test(address);
  if (!isGit) return undefined;
  const [remote = "", query = ""] = isScp ? [address] : address.split("?");
  const asked = new URLSearchParams(query);
  const [ref, folder] = fragment === undefined ? [] : fragment.split(/:(.*)/s);
  const named = asked.get("ref") ?? asked.get("tag") ?? asked.get("branch") ?? asked.get("commit");
  return {
    remote,
    ref: ref || named || undefined,
    folder: folder || asked.get("subdir") || undefined,
  };
}

/**
 * Fetches one commit and its submodules.
 *
 * @returns The path of the work tree, or of the folder in it.
 * @throws {CtrError} `not-found` (no git, ref or folder), `unavailable`, `timeout`, `usage`.
 */
export async function fetchGit(
  url: string,
  folder: string,
  { keepGitDir, signal }: { readonly keepGitDir: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const reference = parseGitReference(url);
  if (!reference) {
    throw new CtrError("bad-data", `cannot fetch "${shown(url)}": it is no repository`);
  }
  const { remote, ref = "HEAD" } = reference;
  if (ref.startsWith("-") || remote.startsWith("-")) {
    throw new CtrError("bad-data", `cannot fetch "${shown(url)}": a name begins with a dash`);
  }
  const tree = join(folder, "tree");
  const git = (...args: string[]) => run(url, tree, args, signal);
  await Deno.mkdir(tree, { mode: 0o700 });
  await git("init", "--quiet");
  await git("remote", "add", "origin", remote);
  const fetch = (...depth: string[]) =>
    git("fetch", "--quiet", ...depth, "--no-tags", "origin", ref);
  try {
    await fetch("--depth=1");
  } catch (error) {
    // Servers of plain files cannot cut a history.
    if (!(error instanceof Error) || !/shallow/.test(error.message)) throw error;
    await fetch();
  }
  await git("-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD");
  if (await exists(join(tree, ".gitmodules"))) {
    await git("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1");
  }
  if (!keepGitDir) await Deno.remove(join(tree, ".git"), { recursive: true });
  return reference.folder === undefined ? tree : await inside(url, tree, reference.folder);
}

async function inside(url: string, tree: string, folder: string): Promise<string> {
  const path = await Deno.realPath(join(tree, folder)).catch(() => undefined);
  const root = await Deno.realPath(tree);
  if (
    path && (path === root || path.startsWith(`${root}/`)) && (await Deno.stat(path)).isDirectory
  ) {
    return path;
  }
  throw new CtrError("not-found", `cannot use "${shown(url)}": it has no folder "${folder}"`);
}

const SAFE = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "protocol.allow=never",
  "protocol.http.allow=always",
  "protocol.https.allow=always",
  "protocol.ssh.allow=always",
  "protocol.git.allow=always",
  "transfer.fsckObjects=true",
];

async function run(
  url: string,
  cwd: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(DEADLINE_MS);
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command("git", {
      args: [...SAFE.flatMap((each) => ["-c", each]), ...args],
      cwd,
      stdin: "null",
      env: {
        GIT_TERMINAL_PROMPT: "0",
        GIT_ASKPASS: "/bin/false",
        GIT_SSH_COMMAND: "ssh -o BatchMode=yes",
        GIT_DIR: join(cwd, ".git"),
        GIT_WORK_TREE: cwd,
        LC_ALL: "C",
      },
      signal: AbortSignal.any([signal, limit]),
    }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CtrError("not-found", `cannot fetch "${shown(url)}": there is no git`, {
      hint: "install git",
    });
  }
  signal.throwIfAborted();
  if (limit.aborted) {
    throw new CtrError("timeout", `cannot fetch "${shown(url)}": it takes too long`);
  }
  if (result.success) return;
  const lines = new TextDecoder().decode(result.stderr).trim().split("\n");
  const fact = lines.findLast((line) => /^(?:fatal|error): /.test(line)) ?? lines.at(-1) ?? "";
  const missing = /couldn't find remote ref|not found|does not exist/i.test(fact);
  throw new CtrError(
    missing ? "not-found" : "unavailable",
    `cannot fetch "${shown(url)}": ${shown(fact.replace(/^(?:fatal|error): /, "")).slice(0, 300)}`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
