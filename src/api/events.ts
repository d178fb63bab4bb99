import { z } from "zod";

/** Something that happened to an object of a home. */
export const EngineEvent = z.strictObject({
  time: z.iso.datetime(),
  /** `container`, `image`, `volume`, `network`. */
  type: z.string(),
  /** `create`, `start`, `die`, `health_status`, … */
  action: z.string(),
  /** Of the object: a container's ID, an image's digest, a volume's name. */
  id: z.string(),
  name: z.string(),
  /** Facts of the action, the image, and the labels of the object. */
  attributes: z.record(z.string(), z.string()),
});
export type EngineEvent = z.output<typeof EngineEvent>;

export type NewEvent = Omit<EngineEvent, "time" | "attributes"> & {
  readonly attributes?: Readonly<Record<string, string>>;
};

/** Where every part of the engine tells what has happened. Never throws, never waits. */
export interface Events {
  emit(event: NewEvent): void;
}
