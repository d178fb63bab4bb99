import type { App } from "./app.ts";
import { type Check, hostChecks } from "./doctor_checks.ts";

const MARKS = { ok: "ok", warning: "warning", failed: "FAILED" } as const;

/** Checks what ctr needs of this host, without the engine. Ends with 1 when something is missing. */
export async function doctor(app: App, flags: { readonly format: string }): Promise<void> {
  const checks = await hostChecks(app);
  if (checks.some((check) => check.result === "failed")) app.exitStatus = 1;
  if (flags.format === "json") {
    app.stdout.line(JSON.stringify(checks));
    return;
  }
  const width = Math.max(...checks.map((check) => check.name.length));
  for (const check of checks) app.stdout.write(render(check, width));
}

function render({ name, result, fact, hint }: Check, width: number): string {
  const line = `${MARKS[result].padEnd(7)}  ${name.padEnd(width)}  ${fact}\n`;
  return hint === undefined ? line : `${line}${" ".repeat(width + 11)}hint: ${hint}\n`;
}
