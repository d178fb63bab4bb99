import { SystemCheckRequest, SystemPruneRequest } from "../api/mod.ts";
import { type CheckParts, checkSystem } from "./check_system.ts";
import { diskUsage, verboseDiskUsage } from "./disk_usage.ts";
import { pruneSystem } from "./prune_system.ts";
import { type Route, route } from "./router.ts";

/** `/df`, `/prune`, `/check`. */
export function upkeepRoutes(parts: CheckParts): Route[] {
  return [
    route("GET /df", async (call) => {
      call.json(call.flag("verbose") ? await verboseDiskUsage(parts) : await diskUsage(parts));
    }),
    route("POST /prune", async (call) => {
      call.json(await pruneSystem(parts, await call.body(SystemPruneRequest)));
    }),
    route("POST /check", async (call) => {
      const { repair } = await call.body(SystemCheckRequest);
      call.json(await checkSystem(parts, repair));
    }),
  ];
}
