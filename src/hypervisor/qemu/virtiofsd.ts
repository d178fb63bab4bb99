import { dirname } from "node:path";

/** A virtiofsd program that can be used, and whose words it understands. */
export interface Virtiofsd {
  readonly path: string;
  /** `c`: the one of QEMU before 8.0; `rust`: the one that came after it. */
  readonly dialect: "c" | "rust";
}

/** Where distributions put it; it is in `PATH` on few. */
const PLACES = ["/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"];

/** What one virtiofsd serves. */
export interface ServedFolder {
  /** Relative to where it runs. */
  readonly socket: string;
  /** Absolute. */
  readonly root: string;
}

/**
 * Finds virtiofsd, if it can run here: it serves files as their owners, so it needs root, and namespaces
 * of its own.
 *
 * @returns `undefined` where it is not installed, or cannot run.
 */
export async function findVirtiofsd(
  searchPath = Deno.env.get("PATH") ?? "/usr/bin:/bin",
): Promise<Virtiofsd | undefined> {
  if (Deno.uid() !== 0 || !await namespacesWork()) return undefined;
  const named = searchPath.split(":").filter((each) => each.startsWith("/"));
  for (const path of [...PLACES, ...named.map((folder) => `${folder}/virtiofsd`)]) {
    const isFile = await Deno.stat(path).then((info) => info.isFile, () => false);
    const dialect = isFile ? await dialectOf(path) : undefined;
    if (dialect !== undefined) return { path, dialect };
  }
  return undefined;
}

/**
 * Arguments that serve a folder. What is read-only is so by the mount that is served.
 *
 * `cache=auto`: data is fresh at each open, names and attributes for a second. Extended attributes are
 * passed through, for file capabilities and tar.
 */
export function virtiofsdArguments(dialect: Virtiofsd["dialect"], served: ServedFolder): string[] {
  const { socket, root } = served;
  if (dialect === "rust") {
    return [
      ...[`--socket-path=${socket}`, `--shared-dir=${root}`],
      ...["--cache=auto", "--sandbox=namespace", "--xattr", "--log-level=warn"],
    ];
  }
  return [
    ...["-f", `--socket-path=${socket}`, "-o", `source=${root.replaceAll(/[\\,]/g, "\\$&")}`],
    ...["-o", "cache=auto,sandbox=namespace,xattr,log_level=warn"],
  ];
}

/** What it says of itself tells the two apart; their numbers of versions overlap. */
export function dialectFromHelp(help: string): Virtiofsd["dialect"] | undefined {
  if (help.includes("--shared-dir")) return "rust";
  return help.includes("-o source=") ? "c" : undefined;
}

const dialects = new Map<string, Promise<Virtiofsd["dialect"] | undefined>>();

function dialectOf(path: string): Promise<Virtiofsd["dialect"] | undefined> {
  const known = dialects.get(path);
  if (known !== undefined) return known;
  const asked = output(path, ["--help"]).then(({ text }) => dialectFromHelp(text))
    .catch(() => undefined);
  dialects.set(path, asked);
  return asked;
}

let namespaces: Promise<boolean> | undefined;

/** In containers root may be without the right to mount. */
function namespacesWork(): Promise<boolean> {
  namespaces ??= output("unshare", ["--mount", "true"]).then(({ success }) => success, () => false);
  return namespaces;
}

async function output(
  command: string,
  args: string[],
): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: command.startsWith("/") ? dirname(command) : "/",
    stdin: "null",
    signal: AbortSignal.timeout(5000),
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  return { success, text };
}
