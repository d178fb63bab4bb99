import type { Exit, NewEvent } from "../api/mod.ts";
import type { ContainerConfig } from "./types.ts";

/** An event of a container: its labels, then its image and what the action tells. */
export function containerEvent(
  config: ContainerConfig,
  action: string,
  facts: Readonly<Record<string, string>> = {},
): NewEvent {
  const { id, name, labels, image } = config;
  return {
    type: "container",
    action,
    id,
    name,
    attributes: { ...labels, image: image.reference, ...facts },
  };
}

interface Fact {
  readonly action: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** What is told of an end: `die`, and before it what killed it, if that was a lack of memory. */
export function endFacts({ status, reason, signal, detail = "" }: Exit): Fact[] {
  const facts = { exitCode: String(status), reason, ...(signal !== undefined && { signal }) };
  const die = { action: "die", facts };
  return reason === "oom" ? [{ action: "oom", facts: { detail } }, die] : [die];
}
