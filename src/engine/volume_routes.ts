import {
  CloneVolumeRequest,
  CreateVolumeRequest,
  PruneVolumesRequest,
  ResizeVolumeRequest,
} from "../api/mod.ts";
import type { Volumes } from "../volume/mod.ts";
import { sendBytes } from "./file_routes.ts";
import { type Route, route } from "./router.ts";

/** `/volumes`. */
export function volumeRoutes(volumes: Volumes): Route[] {
  return [
    route("GET /volumes", async (call) => call.json(await volumes.describeAll())),
    route("POST /volumes", async (call) => {
      const { name } = await volumes.create(await call.body(CreateVolumeRequest));
      call.json(await volumes.describe(name), 201);
    }),
    route("POST /volumes/prune", async (call) => {
      const { filters } = await call.body(PruneVolumesRequest);
      call.json(await volumes.prune(filters));
    }),
    route("GET /volumes/:name", async (call) => call.json(await volumes.describe(call.ref))),
    route("DELETE /volumes/:name", async (call) => {
      await volumes.remove(call.ref, call.flag("force"));
      call.nothing();
    }),
    route("POST /volumes/:name/clone", async (call) => {
      const { target } = await call.body(CloneVolumeRequest);
      const { name } = await volumes.clone(call.ref, target);
      call.json(await volumes.describe(name), 201);
    }),
    route("POST /volumes/:name/resize", async (call) => {
      const { sizeBytes } = await call.body(ResizeVolumeRequest);
      await volumes.resize(call.ref, sizeBytes);
      call.json(await volumes.describe(call.ref));
    }),
    route("POST /volumes/:name/check", async (call) => call.json(await volumes.check(call.ref))),
    route("POST /volumes/:name/import", async (call) => {
      const archive = call.request as AsyncIterable<Uint8Array>;
      await volumes.import(call.ref, archive, call.flag("force"));
      call.json(await volumes.describe(call.ref));
    }),
    route("GET /volumes/:name/export", async (call) => {
      await sendBytes(call, "application/x-tar", volumes.export(call.ref));
    }),
  ];
}
