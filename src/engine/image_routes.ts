import { z } from "zod";
import { type Progress, PullRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Images, PullOptions, PullProgress } from "../image/mod.ts";
import { formatPlatform, parsePlatform } from "../oci/mod.ts";
import { errorBody } from "./http_errors.ts";
import { type Call, type Route, route } from "./router.ts";

const TagRequest = z.strictObject({ source: z.string(), target: z.string() });
const RemoveRequest = z.strictObject({
  references: z.array(z.string()),
  force: z.boolean().default(false),
});
const PruneRequest = z.strictObject({ all: z.boolean().default(false) });

/** A layer's progress is told this often at most. */
const PROGRESS_MS = 100;

/** `/images`. */
export function imageRoutes(images: Images): Route[] {
  return [
    route("POST /images/pull", async (call) => {
      const request = await call.body(PullRequest);
      const options: PullOptions = {
        scheme: request.scheme,
        ...(request.platform && { platform: parsePlatform(request.platform) }),
        ...(request.allPlatforms && { platform: "all" as const }),
        ...(request.maxConcurrentDownloads && { maxConcurrent: request.maxConcurrentDownloads }),
      };
      await withProgress(call, async (told) => {
        const pulled = await images.pull(request.reference, { ...options, ...told });
        const { reference, familiar, descriptor, platforms } = pulled;
        return { reference, familiar, digest: descriptor.digest, platforms };
      });
    }),
    route("POST /images/load", async (call) => {
      const skipUnsafe = call.flag("force");
      await withProgress(call, async (told) => {
        const source = { kind: "bytes", bytes: call.request as AsyncIterable<Uint8Array> } as const;
        const { images: loaded, skipped } = await images.load(source, { ...told, skipUnsafe });
        const digests = loaded.map(({ reference, familiar, descriptor }) => (
          { reference, familiar, digest: descriptor.digest }
        ));
        return { images: digests, skipped };
      });
    }),
    route("GET /images/save", (call) => sendArchive(call, images)),
    route("GET /images", async (call) => {
      const records = await images.list();
      call.json(await Promise.all(records.map(({ reference }) => images.inspect(reference))));
    }),
    route("GET /images/inspect", async (call) => {
      const ref = call.query.get("ref");
      if (!ref) throw new CtrError("usage", "cannot inspect an image: no ref was given");
      call.json(await images.inspect(ref));
    }),
    route("POST /images/tag", async (call) => {
      const { source, target } = await call.body(TagRequest);
      const { reference, descriptor } = await images.tag(source, target);
      call.json({ reference, digest: descriptor.digest });
    }),
    route("POST /images/remove", async (call) => {
      const { references, force } = await call.body(RemoveRequest);
      const { untagged, deleted, reclaimedBytes } = await images.remove(references, { force });
      call.json({ removed: untagged, deleted, reclaimedBytes });
    }),
    route("POST /images/prune", async (call) => {
      const { all } = await call.body(PruneRequest);
      const { untagged, deleted, reclaimedBytes } = await images.prune({ all });
      call.json({ removed: untagged, deleted, reclaimedBytes });
    }),
  ];
}

/** Runs long work and answers with a line per step. It ends when the client goes away. */
async function withProgress(
  call: Call,
  work: (
    told: { readonly signal: AbortSignal; readonly onProgress: (progress: PullProgress) => void },
  ) => Promise<unknown>,
): Promise<void> {
  const signal = call.gone;
  call.response.writeHead(200, { "content-type": "application/x-ndjson" });
  call.response.flushHeaders();
  const line = (progress: Progress) => {
    if (!call.response.destroyed) call.response.write(`${JSON.stringify(progress)}\n`);
  };
  const throttle = new Throttle();
  const onProgress = (progress: PullProgress) => {
    const shown = throttle.pass(progress) ? translate(progress) : undefined;
    if (shown) line(shown);
  };
  try {
    const value = await work({ signal, onProgress });
    line({ kind: "result", value });
  } catch (error) {
    line({ kind: "error", ...errorBody(error) });
  }
  call.response.end();
}

/** Lets each new phase of a layer pass, and numbers now and then. */
class Throttle {
  readonly #last = new Map<string, { phase: string; atMs: number }>();

  pass(progress: PullProgress): boolean {
    if (progress.kind !== "layer") return true;
    const { digest, phase } = progress;
    const last = this.#last.get(digest);
    const atMs = performance.now();
    if (last?.phase === phase && atMs - last.atMs < PROGRESS_MS) return false;
    this.#last.set(digest, { phase, atMs });
    return true;
  }
}

function translate(progress: PullProgress): Progress {
  switch (progress.kind) {
    case "layer":
      return progress;
    case "resolved": {
      const platforms = progress.platforms.map(formatPlatform).join(", ");
      const text = `${progress.reference}: ${progress.digest}`;
      return { kind: "message", text: platforms === "" ? text : `${text} (${platforms})` };
    }
    case "merge": {
      const verb = progress.phase === "done" ? "merged" : "merging";
      return { kind: "message", text: `${verb} ${progress.layers} layers` };
    }
  }
}

async function sendArchive(call: Call, images: Images): Promise<void> {
  const references = call.query.getAll("ref");
  if (references.length === 0) throw new CtrError("usage", "cannot save: no ref was given");
  const platform = call.query.get("platform");
  const format = call.query.get("format") ?? "oci";
  if (format !== "oci" && format !== "docker") {
    throw new CtrError("usage", `cannot save: the format "${format}" is neither oci nor docker`);
  }
  const archive = images.save(references, {
    format,
    ...(platform && { platform: parsePlatform(platform) }),
  })[Symbol.asyncIterator]();
  const first = await archive.next(); // what cannot be saved is told before the head is sent
  call.response.writeHead(200, { "content-type": "application/x-tar" });
  try {
    for (let piece = first; !piece.done; piece = await archive.next()) {
      await call.write(piece.value);
    }
    call.response.end();
  } catch {
    call.response.destroy(); // a whole answer would be taken for a whole archive
  } finally {
    await archive.return?.();
  }
}
