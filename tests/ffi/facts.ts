import { z } from "zod";

const Method = z.union([
  z.tuple([z.string(), z.string(), z.string()]),
  z.tuple([z.string(), z.string(), z.string(), z.string()]),
]);
const Functions = z.record(
  z.string(),
  z.object({ returns: z.string(), params: z.array(z.string()), macos: z.string() }),
);

const Facts = z.object({
  classes: z.record(
    z.string(),
    z.object({
      superclass: z.string(),
      macos: z.string(),
      exported: z.boolean(),
      methods: z.array(Method),
    }),
  ),
  protocols: z.record(z.string(), z.object({ methods: z.array(Method) })),
  enums: z.record(
    z.string(),
    z.object({ type: z.string(), values: z.record(z.string(), z.number()) }),
  ),
  vmnet: z.object({
    enums: z.record(z.string(), z.record(z.string(), z.number())),
    functions: Functions,
  }),
  security: z.object({
    functions: Functions,
    constants: z.array(z.string()),
    errors: z.record(z.string(), z.number()),
  }),
  osLog: z.object({ functions: Functions }),
  installNames: z.record(z.string(), z.string()),
});

/** What is known of Apple's frameworks, as far as the shim uses them. */
export type Facts = z.infer<typeof Facts>;

export const FFI = new URL("../../ffi/", import.meta.url).pathname;

export async function readFacts(): Promise<Facts> {
  return Facts.parse(JSON.parse(await Deno.readTextFile(`${FFI}facts.json`)));
}

/** What the shim's oldest system has needs no guard. */
export function isNewer(macos: string): boolean {
  return Number.parseFloat(macos) > 15;
}

/** Runs a tool of the tests. */
export async function output(command: string, ...args: string[]): Promise<string> {
  const run = await new Deno.Command(command, { args }).output();
  if (!run.success) throw new Error(`${command}: ${new TextDecoder().decode(run.stderr)}`);
  return new TextDecoder().decode(run.stdout);
}
