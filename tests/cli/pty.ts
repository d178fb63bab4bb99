const PTY = new URL("on_terminal.py", import.meta.url).pathname;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

export type Step =
  | ["expect" | "send" | "signal", string]
  | ["resize", number, number]
  | ["mode"];

export interface PtyResult {
  /** As `wait` tells it; negative when killed by a signal. */
  readonly status: number;
  /** What was printed behind the last expected text. */
  readonly seen: string;
  /** For each `mode` step, whether the terminal was raw. */
  readonly modes: boolean[];
  /** An expected text that never came. */
  readonly missing?: string;
}

/** Runs `ctr` on a terminal of its own, and behind it, in the same terminal, a word on its state. */
export async function onTerminal(
  home: string,
  args: readonly string[],
  steps: readonly Step[],
  flags: readonly string[] = ["run", "-A", MAIN],
): Promise<PtyResult> {
  const ctr = [Deno.execPath(), ...flags, ...args];
  // A shell in between looks at the terminal after ctr has ended: it must be as it was before.
  const shell = '"$@"; s=$?; case $(stty -a) in *" -icanon"*) echo STAYED-RAW;; esac; exit $s';
  const { stdout } = await new Deno.Command("python3", {
    args: [PTY, JSON.stringify(steps), "sh", "-c", shell, "sh", ...ctr],
    env: { CTR_HOME: home, TERM: "xterm" },
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}
