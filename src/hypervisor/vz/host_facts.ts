import { CtrError } from "../../core/mod.ts";
import { HostFacts } from "./shapes.ts";

const ASK_MS = 10_000;

/**
 * Asks the shim what this Mac can do, in a process of its own: what goes wrong in the framework there goes
 * wrong for nobody else.
 *
 * @param monitor The command of `ctr vm`.
 * @throws {CtrError} `unavailable` with the process's last words.
 */
export async function askHost(monitor: readonly string[], library: string): Promise<HostFacts> {
  const [command, ...args] = monitor;
  const { success, stdout, stderr } = await new Deno.Command(command!, {
    args: [...args, "--host", library],
    stdin: "null",
    signal: AbortSignal.timeout(ASK_MS),
  }).output();
  const [out, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  try {
    if (success) return HostFacts.parse(JSON.parse(out!));
  } catch (cause) {
    throw new CtrError("bad-data", `cannot ask Virtualization.framework: ${out!.slice(0, 200)}`, {
      cause,
    });
  }
  const words = said!.split("\n").at(0)?.replace(/^error: /, "") || "it said nothing";
  throw new CtrError("unavailable", `cannot ask Virtualization.framework: ${words}`);
}
