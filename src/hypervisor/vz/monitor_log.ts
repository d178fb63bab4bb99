import { join } from "node:path";
import { DAEMON } from "./record.ts";

/** The last thing a monitor said, as a clause. */
export async function lastLogLine(folder: string): Promise<string | undefined> {
  const text = await Deno.readTextFile(join(folder, `${DAEMON}.log`)).catch(() => "");
  const line = text.split("\n").filter((each) => each.trim() !== "" && !each.startsWith("hint: "));
  return line.at(-1)?.replace(/^error: /, "").slice(0, 300);
}
