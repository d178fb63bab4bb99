import { StopRequest, type SystemStatus, type Version } from "../api/mod.ts";
import type { Containers } from "../container/mod.ts";
import type { Images } from "../image/mod.ts";
import { type Route, route } from "./router.ts";

export interface SystemParts {
  readonly version: Version;
  readonly containers: Containers;
  readonly images: Images;
  /** What was configured: told while no VM runs. */
  readonly accelerator: string;
  /** Stops accepting, stops all containers, then ends the engine. */
  readonly shutdown: () => void;
}

/** `/version`, `/status`, `/shutdown`. */
export function systemRoutes(parts: SystemParts): Route[] {
  const { version, containers } = parts;
  return [
    route("GET /version", (call) => call.json(version)),
    route("GET /status", async (call) => call.json(await status(parts))),
    route("POST /shutdown", async (call) => {
      const { signal, timeoutMs } = await call.body(StopRequest);
      const active = containers.active();
      await Promise.allSettled(active.map((each) => each.stop(signal, timeoutMs)));
      call.nothing();
      call.response.once("close", parts.shutdown);
    }),
  ];
}

async function status(parts: SystemParts): Promise<SystemStatus> {
  const { version, containers, images } = parts;
  const running = containers.active();
  const footprints = await Promise.allSettled(running.map((each) => each.footprintBytes()));
  const vms = footprints.map((each) => each.status === "fulfilled" ? each.value : 0);
  const accelerators = running.flatMap((each) => each.accelerator ?? []);
  return {
    ...version,
    running: running.length,
    containers: containers.list().length,
    images: (await images.list()).length,
    accelerator: accelerators[0] ?? parts.accelerator,
    memoryBytes: vms.reduce((sum, each) => sum + each, Deno.memoryUsage().rss),
  };
}
