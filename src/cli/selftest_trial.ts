/** One thing that is tried. */
export interface Trial {
  readonly name: string;
  /**
   * @returns What was seen.
   * @throws {Skipped} Why it cannot be tried here; anything else is a failure.
   */
  run(): Promise<string>;
}

/** It cannot be tried here, which is no failure. */
export class Skipped extends Error {}

export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Runs a program to its end. */
export async function output(
  command: string,
  ...args: string[]
): Promise<{ readonly code: number; readonly text: string; readonly said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, text: decode(stdout), said: decode(stderr) };
}
