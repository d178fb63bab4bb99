import type { NewEvent } from "../api/mod.ts";
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
