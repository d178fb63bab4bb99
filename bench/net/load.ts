import { join } from "node:path";

/** Figures of one run, by name; see `load/main.go`. */
export type Figures = Readonly<Record<string, number>>;

/** Builds the static program that makes traffic, into `folder`. */
export async function buildLoad(folder: string): Promise<string> {
  const program = join(folder, "load");
  const { success, stderr } = await new Deno.Command("go", {
    args: ["build", "-trimpath", "-ldflags=-s -w", "-o", program, "."],
    cwd: new URL("load/", import.meta.url).pathname,
    env: { CGO_ENABLED: "0" },
  }).output();
  if (!success) throw new Error(`go build: ${text(stderr)}`);
  return program;
}

/** Runs it on the host. */
export async function loadHere(program: string, ...args: string[]): Promise<Figures> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    signal: AbortSignal.timeout(150_000),
  }).output();
  if (!success) throw new Error(`load ${args.join(" ")}: ${text(stderr)}`);
  return JSON.parse(text(stdout));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
