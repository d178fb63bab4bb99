import type { CreateReply, CreateRequestInput } from "../api/mod.ts";
import { isCtrError } from "../core/mod.ts";
import { registryEnvironment } from "../api/wire/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { count } from "./settings.ts";

export interface FetchFlags {
  readonly pull: "missing" | "always" | "never";
  readonly scheme: "http" | "https" | "auto";
  readonly progress: string;
  readonly maxConcurrentDownloads?: string;
}

const DIGEST = /^sha256:[0-9a-f]{12,64}$/;

/**
 * Makes a container. Its image is pulled first when it is not there (or always, as asked).
 *
 * The engine is asked to create before anything is looked up: in the usual case that is all.
 *
 * @param interrupted Rejects to give up a pull. A creation is waited for: it is short, and what it
 * made has to be known to be removed.
 */
export async function createContainer(
  app: App,
  engine: EngineClient,
  request: CreateRequestInput,
  flags: FetchFlags,
  interrupted: Promise<never> = new Promise(() => {}),
): Promise<CreateReply> {
  const pulled = () => Promise.race([pull(app, engine, request, flags), interrupted]);
  if (flags.pull === "always") await pulled();
  let reply: CreateReply;
  try {
    reply = await engine.post("/containers", request) as CreateReply;
  } catch (error) {
    if (!isCtrError(error, "not-found") || flags.pull !== "missing") throw error;
    if (DIGEST.test(request.image)) throw error; // no registry has an image of that name
    await checkOthers(engine, request);
    await pulled();
    reply = await engine.post("/containers", request) as CreateReply;
  }
  for (const warning of reply.warnings ?? []) app.stderr.line(`warning: ${warning}`);
  return reply;
}

/** Containers are named in a request too. One that is not there is no reason to pull an image. */
async function checkOthers(engine: EngineClient, request: CreateRequestInput): Promise<void> {
  for (const each of request.volumesFrom ?? []) {
    await engine.get(`/containers/${encodeURIComponent(each.replace(/:.*/, ""))}`);
  }
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
    environment: registryEnvironment(),
    ...(request.platform !== undefined && { platform: request.platform }),
    ...(most !== undefined &&
      { maxConcurrentDownloads: count("--max-concurrent-downloads", most, 1, 64) }),
  });
  await followProgress(app, response, { how: flags.progress, title: `pulling ${request.image}` });
}
