/**
 * The engine's HTTP contract, shared by CLI and engine: schemas of requests and answers, frames of
 * upgraded streams, and the list of routes.
 *
 * | Route (below `/v1`) | Does |
 * | --- | --- |
 * | `GET /version`, `GET /status` | `Version`, `SystemStatus` |
 * | `POST /shutdown` | `StopRequest`; stops all containers, then the engine ends |
 * | `GET /df`, `GET /df?verbose=1` | `SystemDf`, `VerboseDf` |
 * | `POST /prune` | `SystemPruneRequest` → `SystemPruneReply` |
 * | `POST /check` | `SystemCheckRequest` → `SystemCheck` |
 * | `GET /containers?all=1&size=1` | `Container[]` |
 * | `POST /containers` | `CreateRequest` → `CreateReply`; the image must be there (`not-found`) |
 * | `GET /containers/:ref` | `Container`; `:ref` is a name, an ID or a prefix of one |
 * | `DELETE /containers/:ref?force=1&volumes=1` | removes it, with its anonymous volumes |
 * | `POST /containers/:ref/start` | `Started` |
 * | `POST /containers/:ref/stop`, `…/kill` | `StopRequest`, `KillRequest` → 204 |
 * | `POST /containers/:ref/restart` | `StopRequest` → `Started` |
 * | `POST /containers/:ref/pause`, `…/unpause` | 204 |
 * | `POST /containers/:ref/rename`, `…/update` | `RenameRequest` → 204, `UpdateRequest` → `UpdateReply` |
 * | `POST /containers/:ref/wait` | `WaitRequest` → `Exit` when it has ended; 204 for the other states |
 * | `POST /containers/prune` | `PruneContainersRequest` → `PruneContainersReply` |
 * | `GET /events?since=MS&until=MS&follow=1&filter=KEY%3DVALUE…` | NDJSON of `EngineEvent`; times are Unix milliseconds |
 * | `POST /containers/:ref/exec` | `ExecRequest` → `ExecReply`; started at once when `detach` |
 * | `GET /containers/:ref/attach?process=&start=1&stdin=1&from=N` | upgrade to `ctr-frames` |
 * | `GET /containers/:ref/logs?follow=1&tail=N&sinceNs=N&untilNs=N&boot=1` | body of `Frame.log`, or boot log text |
 * | `GET /volumes`, `POST /volumes` | `Volume[]`; `CreateVolumeRequest` → `Volume` |
 * | `GET /volumes/:name`, `DELETE /volumes/:name?force=1` | `Volume`; 204 |
 * | `POST /volumes/prune` | `PruneVolumesRequest` → `PruneVolumesReply` |
 * | `POST /volumes/:name/clone`, `…/resize` | `CloneVolumeRequest`, `ResizeVolumeRequest` → `Volume` |
 * | `GET /volumes/:name/export` | body: archive |
 * | `POST /volumes/:name/import?force=1` | body: archive → `Volume`, made if there is none |
 * | `POST /volumes/:name/check` | `VolumeCheck` |
 * | `GET /networks`, `POST /networks` | `Network[]`; `CreateNetworkRequest` → `Network` |
 * | `GET /networks/:name`, `DELETE /networks/:name` | `Network`; 204 |
 * | `POST /networks/prune` | `PruneNetworksRequest` → `PruneNetworksReply` |
 * | `POST /networks/:name/connect`, `…/disconnect` | `ConnectRequest`, `DisconnectRequest` → 204 |
 * | `GET /containers/:ref/ports` | `PortState[]` |
 * | `GET /dns?name=&network=` | `DnsAnswer` |
 * | `GET /domains`, `POST /domains`, `DELETE /domains/:name` | `HostDomainList`; `CreateDomainRequest` → 204; 204 |
 * | `GET /stats?ref=…` | `StatsSample`; stopped containers are left out; without `ref` all that run |
 * | `GET /stats?stream=1&ref=…` | NDJSON `StatsSample`, one each second |
 * | `GET /containers/:ref/top` | `Top` |
 * | `GET /containers/:ref/stat?path=` | `PathStat` |
 * | `GET /containers/:ref/archive?path=&name=&followLink=1&contentOnly=1` | body: tar; `x-ctr-path-stat` |
 * | `PUT /containers/:ref/archive?path=&makeFolders=1&archiveOwners=1&noOverwriteDirNonDir=1` | body: tar → 204 |
 * | `GET /containers/:ref/export` | body: tar of the root file system |
 * | `GET /containers/:ref/changes` | NDJSON `FileChange` |
 * | `POST /containers/:ref/commit` | `CommitRequest` → `CommitReply` |
 * | `POST /images/pull` | `PullRequest` → NDJSON `Progress` |
 * | `POST /images/push` | `PushRequest` → NDJSON `Progress` |
 * | `POST /images/load?source=&force=1` | body: archive → NDJSON `Progress` |
 * | `POST /images/import?reference=&platform=&change=…&message=&from=` | body: archive → NDJSON `Progress` |
 * | `POST /images/save` | `SaveRequest` → archive |
 * | `POST /images/convert` | `ConvertRequest` → NDJSON `Progress` |
 * | `POST /images/diff` | `DiffRequest` → `ImageDifference` |
 * | `GET /images/history?ref=&platform=` | `ImageStep[]` |
 * | `GET /images`, `GET /images/inspect?ref=` | image objects |
 * | `POST /images/tag` | `{source, target}` |
 * | `POST /images/remove` | `{references, force}` → `{removed: string[], deleted: digest[], reclaimedBytes}` |
 * | `POST /images/prune` | `ImagePruneRequest` → as `remove` |
 * | `POST /build` | a line of `BuildRequest`, behind it the uploaded context → NDJSON `BuildEvent` |
 * | `GET /build/status`, `POST /build/stop` | `BuilderStatus`; `BuilderStopReply` |
 * | `GET /build/cache?filter=KEY%3DVALUE…` | `BuildCacheRecord[]` |
 * | `POST /build/prune` | `BuildPruneRequest` → `BuildPruneReply` |
 *
 * An archive in a file of this machine need not be sent: `load`, `import` and `save` take `path=&device=&inode=`
 * instead of a body, and refuse with `unsupported` where the engine does not see the same file there.
 *
 * Attach: the first frame is `started` or `error`. With `stdin=1` a `stdinTaken` follows `started`: the
 * offset that the process wants next, where a client that has sent nothing yet begins. Without `from`,
 * output begins at 0 with `start=1`, else at what comes next. `start=1` on a running container joins it.
 * An exited container is replayed from `from`, then its exit is told, as after an engine was lost.
 * One that removes itself and ended while no engine ran stays 10 s for that. Output of added processes
 * has no log: what no client takes within 30 s after a lost engine, or after the client left, is dropped.
 *
 * A client that sends `te: trailers` is told of an archive that broke off by the trailer `x-ctr-error`, an
 * `ErrorBody` as JSON, percent-encoded; for others the connection breaks.
 *
 * The log of earlier starts is kept within its size limit; `tail` and `since` go across starts.
 *
 * @module
 */
export * from "./build.ts";
export * from "./events.ts";
export * from "./images.ts";
export * from "./life.ts";
export * from "./machines.ts";
export * from "./mounts.ts";
export * from "./networks.ts";
export * from "./policies.ts";
export * from "./schemas.ts";
export * from "./stats.ts";
export * from "./upkeep.ts";
export * from "./volumes.ts";
export * from "./wire/mod.ts";
