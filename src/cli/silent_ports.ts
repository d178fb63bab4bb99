import { EngineEvent } from "../api/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { parseAnswer } from "./parse_answer.ts";

/**
 * Tells once of each published port of a container that nobody listens at, as the engine finds it out:
 * about half a minute after the start. Nothing waits for this, and nothing fails by it.
 *
 * @returns Ends it.
 */
export function watchSilentPorts(
  app: Pick<App, "stderr">,
  engine: Pick<EngineClient, "stream">,
  { id, name }: { readonly id: string; readonly name: string },
): () => void {
  let end: (() => void) | undefined;
  let ended = false;
  const watch = async () => {
    const query = new URLSearchParams({ follow: "1" });
    for (const filter of [`container=${id}`, "event=silent_port"]) query.append("filter", filter);
    const { body, connection } = await engine.stream({ method: "GET", path: `/events?${query}` });
    end = () => connection.close();
    if (ended) return end();
    const decoder = new TextDecoder();
    let pending = "";
    for await (const chunk of body) {
      const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
      pending = lines.pop()!;
      for (const line of lines) {
        const { port = "" } = parseAnswer(EngineEvent, JSON.parse(line)).attributes;
        app.stderr.line(`note: nobody in "${name}" listens at ${port}, which is published`);
      }
    }
  };
  watch().catch(() => {}); // the engine is gone, or this was ended
  return () => {
    ended = true;
    end?.();
  };
}
