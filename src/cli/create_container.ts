import type { CreateReply, CreateRequestInput } from "../api/mod.ts";
import { isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { count } from "./settings.ts";

export interface FetchFlags {
  readonly pull: "missing" | "always" | "never";
  readonly scheme: "http" | "https" | "auto";
  readonly progress: string;
  readonly maxConcurrentDownloads?: string;
}

/**
 * Makes a container. Its image is pulled first when it is not there (or always, as asked).
 *
 * The engine is asked to create before anything is looked up: in the usual case that is all.
 */
export async function createContainer(
  app: App,
  engine: EngineClient,
  request: CreateRequestInput,
  flags: FetchFlags,
): Promise<CreateReply> {
  if (flags.pull === "always") await pull(app, engine, request, flags);
  let reply: CreateReply;
  try {
    reply = await engine.post("/containers", request) as CreateReply;
  } catch (error) {
    if (!isCtrError(error, "not-found") || flags.pull !== "missing") throw error;
    await pull(app, engine, request, flags);
    reply = await engine.post("/containers", request) as CreateReply;
  }
  for (const warning of reply.warnings ?? []) app.stderr.line(`warning: ${warning}`);
  return reply;
}

async function pull(
  app: App,
  engine: EngineClient,
  request: CreateRequestInput,
  flags: FetchFlags,
): Promise<void> {
  const { followProgress } = await import("./progress.ts");
  const most = flags.maxConcurrentDownloads;
  const response = await engine.postStream("/images/pull", {
    reference: request.image,
    scheme: flags.scheme,
    ...(request.platform !== undefined && { platform: request.platform }),
    ...(most !== undefined &&
      { maxConcurrentDownloads: count("--max-concurrent-downloads", most, 1, 64) }),
  });
  await followProgress(app, response, { how: flags.progress, title: `pulling ${request.image}` });
}
