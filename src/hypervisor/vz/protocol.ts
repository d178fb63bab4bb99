import { z } from "zod";
import { type ErrorCode, EXIT_STATUS } from "../../core/mod.ts";

/**
 * What engine and monitor say to each other at `vm.sock`: a JSON text per line.
 *
 * The monitor begins, as soon as it knows how the start went: `hello` or `failed`. Calls are answered by
 * their number; `ended` comes once and is the last.
 */
export const PROTOCOL = 1;

/** A message is some hundred bytes. */
export const LONGEST_LINE = 1 << 20;

const id = z.int();

export const Call = z.discriminatedUnion("call", [
  z.strictObject({ id, call: z.literal("ping") }),
  z.strictObject({ id, call: z.literal("pause") }),
  z.strictObject({ id, call: z.literal("resume") }),
  z.strictObject({ id, call: z.literal("stop") }),
  z.strictObject({ id, call: z.literal("balloon"), bytes: z.int().min(1) }),
  z.strictObject({ id, call: z.literal("save"), path: z.string().startsWith("/") }),
  /** To the monitor of a network: hold the VM of this folder too. */
  z.strictObject({ id, call: z.literal("add"), folder: z.string().startsWith("/") }),
  /** To the monitor of a network: whether it holds the VM of this folder. */
  z.strictObject({ id, call: z.literal("holds"), folder: z.string().startsWith("/") }),
]);
export type Call = z.output<typeof Call>;
export type CallBody = Call extends infer C ? C extends Call ? Omit<C, "id"> : never : never;

const Code = z.enum(Object.keys(EXIT_STATUS) as [ErrorCode, ...ErrorCode[]]);
const Failure = z.object({ code: Code, message: z.string(), hint: z.string().optional() });
export type Failure = z.output<typeof Failure>;

const End = z.discriminatedUnion("how", [
  z.object({ how: z.literal("stopped") }),
  z.object({ how: z.literal("failed"), reason: z.string() }),
]);

export const Message = z.union([
  z.object({ hello: z.object({ protocol: z.int(), pid: z.int() }) }),
  z.object({ failed: Failure }),
  z.object({ ended: End }),
  z.object({ id, error: Failure }),
  z.object({ id, result: z.unknown() }),
]);
export type Message = z.output<typeof Message>;
