import type { z } from "zod";
import { CtrError } from "../core/mod.ts";

/** What the engine answered, checked: an engine of another version is told apart from a defect. */
export function parseAnswer<T extends z.ZodType>(schema: T, answer: unknown): z.output<T> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new CtrError(
    "bad-data",
    `cannot read the engine's answer: ${issue?.path.join(".")}: ${issue?.message.toLowerCase()}`,
    { hint: 'restart it with "ctr system stop"', cause: result.error },
  );
}
