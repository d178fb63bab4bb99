import { z } from "zod";
import {
  ConvertRequest,
  DiffRequest,
  type Events,
  ImagePruneRequest,
  PullRequest,
  PushRequest,
  registryEnvironment,
} from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { ImageRecord, Images, Removed } from "../image/mod.ts";
import { formatPlatform, parsePlatform } from "../oci/mod.ts";
import { archiveRoutes, named } from "./image_archives.ts";
import { type Told, withProgress } from "./image_progress.ts";
import { type Call, type Route, route } from "./router.ts";

const TagRequest = z.strictObject({ source: z.string(), target: z.string() });
const RemoveRequest = z.strictObject({
  references: z.array(z.string()),
  force: z.boolean().default(false),
});

/** `/images`. */
export function imageRoutes(images: Images, events?: Events): Route[] {
  const told = (action: string, image: ImageRecord) =>
    events?.emit({
      type: "image",
      action,
      id: image.descriptor.digest,
      name: image.familiar,
    });
  const removed = ({ untagged, deleted, reclaimedBytes }: Removed) => {
    for (const name of untagged) events?.emit({ type: "image", action: "untag", id: name, name });
    for (const id of deleted) events?.emit({ type: "image", action: "delete", id, name: id });
    return { removed: untagged, deleted, reclaimedBytes };
  };
  return [
    route("POST /images/pull", async (call) => {
      const request = await call.body(PullRequest);
      await withProgress(call, (progress) => pull(images, request, progress, told));
    }),
    route("POST /images/push", async (call) => {
      const request = await call.body(PushRequest);
      const { platform, allTags, referrers, scheme, maxConcurrentUploads } = request;
      await withProgress(call, async (progress) => {
        const pushed = await images.push(request.reference, {
          allTags,
          referrers,
          scheme,
          environment: request.environment && registryEnvironment(request.environment),
          ...(platform && { platform: parsePlatform(platform) }),
          ...(maxConcurrentUploads && { maxConcurrent: maxConcurrentUploads }),
          ...progress,
        });
        for (const image of pushed) told("push", image);
        return {
          images: pushed.map((image) => ({
            ...named(image),
            size: image.descriptor.size,
            referrers: image.referrers,
          })),
        };
      });
    }),
    ...archiveRoutes(images, told),
    route("POST /images/convert", async (call) => {
      const { source, target, platform, compression, format } = await call.body(ConvertRequest);
      await withProgress(call, async (progress) => {
        const image = await images.convert(source, target, {
          ...(compression && { compression }),
          ...(format && { format }),
          ...(platform && { platform: parsePlatform(platform) }),
          ...progress,
        });
        told("convert", image);
        return named(image);
      });
    }),
    route("POST /images/diff", async (call) => {
      const signal = call.gone;
      const { a, b, platform } = await call.body(DiffRequest);
      const options = { signal, ...(platform && { platform: parsePlatform(platform) }) };
      call.json(await images.diff(a, b, options));
    }),
    route("GET /images", async (call) => {
      const records = await images.list();
      const found = await Promise.all(records.map(({ reference }) => there(images, reference)));
      call.json(found.filter((image) => image !== undefined));
    }),
    route("GET /images/inspect", async (call) => call.json(await images.inspect(ref(call)))),
    route("GET /images/history", async (call) => {
      const platform = call.query.get("platform");
      const options = platform === null ? {} : { platform: parsePlatform(platform) };
      call.json(await images.history(ref(call), options));
    }),
    route("POST /images/tag", async (call) => {
      const { source, target } = await call.body(TagRequest);
      const image = await images.tag(source, target);
      told("tag", image);
      call.json({ reference: image.reference, digest: image.descriptor.digest });
    }),
    route("POST /images/remove", async (call) => {
      const { references, force } = await call.body(RemoveRequest);
      call.json(removed(await images.remove(references, { force })));
    }),
    route("POST /images/prune", async (call) => {
      const { all, until, labels } = await call.body(ImagePruneRequest);
      const options = { all, labels, ...(until !== undefined && { until: new Date(until) }) };
      call.json(removed(await images.prune(options)));
    }),
  ];
}

async function pull(
  images: Images,
  request: z.output<typeof PullRequest>,
  progress: Told,
  told: (action: string, image: ImageRecord) => void,
) {
  const options = {
    scheme: request.scheme,
    environment: request.environment && registryEnvironment(request.environment),
    referrers: request.referrers,
    ...(request.platform && { platform: parsePlatform(request.platform) }),
    ...(request.allPlatforms && { platform: "all" as const }),
    ...(request.maxConcurrentDownloads && { maxConcurrent: request.maxConcurrentDownloads }),
    ...progress,
  };
  const pulled = request.allTags
    ? await images.pullAll(request.reference, options)
    : [await images.pull(request.reference, options)];
  for (const image of pulled) told("pull", image);
  const results = pulled.map((image) => ({
    ...named(image),
    platforms: image.platforms.map(formatPlatform),
    referrers: image.referrers,
  }));
  return request.allTags ? { images: results } : { ...results[0], images: results };
}

/** One that was removed since it was listed is not there. */
async function there(images: Images, reference: string) {
  try {
    return await images.inspect(reference);
  } catch (error) {
    if (error instanceof CtrError && error.code === "not-found") return undefined;
    throw error;
  }
}

function ref(call: Call): string {
  const text = call.query.get("ref");
  if (!text) throw new CtrError("usage", "cannot look at an image: no ref was given");
  return text;
}
