import { Container } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { prettyJson } from "./json.ts";
import { parseAnswer } from "./parse_answer.ts";

/** Prints the containers as a JSON array. Nothing is printed when one of them is missing. */
export async function inspect(app: App, references: readonly string[]): Promise<void> {
  const engine = await app.engine();
  const found: Container[] = [];
  const missing: string[] = [];
  for (const reference of new Set(references)) {
    try {
      const answer = await engine.get(`/containers/${encodeURIComponent(reference)}`);
      found.push(parseAnswer(Container, answer));
    } catch (error) {
      if (!isCtrError(error, "not-found")) throw error;
      missing.push(reference);
    }
  }
  if (missing.length > 0) {
    const names = missing.map((name) => `"${name}"`).join(", ");
    throw new CtrError("not-found", `cannot inspect ${names}: there is no such container`, {
      hint: 'see "ctr ls -a"',
    });
  }
  app.stdout.line(prettyJson(found));
}
