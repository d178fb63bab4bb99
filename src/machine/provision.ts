import { CtrError } from "../core/mod.ts";
import { CREATE_USER, OWN_SCRIPT, userEnvironment } from "./create_user.ts";
import type { MachineConfig, MachineContainer, MachineRecord } from "./types.ts";

/** Making an account is short; a script of the user's installs what it likes. */
const ACCOUNT_MS = 120_000;
const SCRIPT_MS = 60 * 60_000;
const NO_SHELL = [126, 127];

/**
 * Makes the caller's account, then runs the user's script, if there is one, as root.
 *
 * @returns What is to be kept: what was found, and no script any more.
 * @throws {CtrError} `unsupported` for an image without a shell; `bad-data` if a script fails.
 */
export async function provision(
  { name, config }: MachineRecord,
  container: MachineContainer,
): Promise<MachineConfig> {
  const env = userEnvironment(name, config.user);
  const asRoot = { user: "0:0", cwd: "/", env, privileged: true };
  const run = `if [ -x ${OWN_SCRIPT} ]; then ${OWN_SCRIPT}; fi`;
  const account = await container.runOnce(
    { ...asRoot, args: ["/bin/sh", "-c", `${CREATE_USER}\n${run}`] },
    ACCOUNT_MS,
  );
  if (NO_SHELL.includes(account.exitStatus)) {
    throw new CtrError("unsupported", `cannot make "${name}" ready: its image has no /bin/sh`, {
      hint: "a machine wants an image with a shell, such as debian or alpine",
    });
  }
  if (account.exitStatus !== 0) throw failed(name, "the account could not be made", account);
  const { provision: script, ...kept } = config;
  if (script !== undefined) {
    const result = await container.runOnce(
      { ...asRoot, args: ["/bin/sh", "-c", withInterpreter(script)] },
      SCRIPT_MS,
    );
    if (result.exitStatus !== 0) throw failed(name, "the provision script failed", result);
  }
  return { ...kept, found: readFound(account.output) };
}

/** A script names its own interpreter in its first line; what names none is one for the shell. */
function withInterpreter(script: string): string {
  if (!script.startsWith("#!")) return script;
  const quoted = `'${script.replaceAll("'", `'\\''`)}'`;
  return `f=$(mktemp) && printf %s ${quoted} > "$f" && chmod 700 "$f" && "$f"; s=$?; rm -f "$f"; exit $s`;
}

function readFound(output: string): { readonly shell: string; readonly locale: string } {
  const value = (key: string) =>
    new RegExp(`^${key}=(/?[A-Za-z0-9_.@/-]+)$`, "m").exec(output)?.[1];
  return { shell: value("shell") ?? "/bin/sh", locale: value("locale") ?? "C.UTF-8" };
}

function failed(
  name: string,
  what: string,
  { exitStatus, output }: { readonly exitStatus: number; readonly output: string },
): CtrError {
  const last = output.trim().split("\n").at(-1) ?? "";
  const said = last === "" ? "" : `: ${last.slice(0, 200)}`;
  return new CtrError(
    "bad-data",
    `cannot make "${name}" ready: ${what} (status ${exitStatus})${said}`,
    {
      hint: "mend it and run the machine again, or create it anew",
    },
  );
}
