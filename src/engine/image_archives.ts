import { type NewEvent, SaveRequest } from "../api/mod.ts";
import { CtrError, isDiskFull } from "../core/mod.ts";
import type { ImageRecord, Images, LoadSource } from "../image/mod.ts";
import { parsePlatform } from "../oci/mod.ts";
import { withProgress } from "./image_progress.ts";
import { localFile } from "./local_file.ts";
import { type Call, type Route, route } from "./router.ts";

/** Archives: `/images/load`, `/images/import`, `/images/save`. */
export function archiveRoutes(
  images: Images,
  told: (action: string, image: ImageRecord) => NewEvent | void,
): Route[] {
  return [
    route("POST /images/load", async (call) => {
      const skipUnsafe = call.flag("force");
      const source = await sourceOf(call);
      await withProgress(call, async (progress) => {
        const options = { ...progress, skipUnsafe, unpack: "later" as const };
        const { images: loaded, skipped } = await images.load(source, options);
        for (const image of loaded) told("load", image);
        return { images: loaded.map(named), skipped };
      });
    }),
    route("POST /images/import", async (call) => {
      const source = await sourceOf(call);
      const text = (name: string) => call.query.get(name) ?? undefined;
      const [reference, platform] = [text("reference"), text("platform")];
      const [message, from] = [text("message"), text("from")];
      await withProgress(call, async ({ signal }) => {
        const image = await images.import(source, {
          ...(reference !== undefined && { reference }),
          ...(platform !== undefined && { platform: parsePlatform(platform) }),
          ...(message !== undefined && { message }),
          ...(from !== undefined && { from }),
          changes: call.query.getAll("change"),
          signal,
        });
        told("import", image);
        return named(image);
      });
    }),
    route("POST /images/save", (call) => save(call, images)),
  ];
}

async function sourceOf(call: Call): Promise<Exclude<LoadSource, { kind: "directory" }>> {
  const local = await localFile(call);
  if (!local) return { kind: "bytes", bytes: call.request as AsyncIterable<Uint8Array> };
  local.file.close();
  return { kind: "file", path: local.path };
}

async function save(call: Call, images: Images): Promise<void> {
  const local = await localFile(call, { write: true });
  using file = local?.file;
  const { references, format, platform, compression } = await call.body(SaveRequest);
  const archive = images.save(references, {
    format,
    compression,
    ...(platform && { platform: parsePlatform(platform) }),
  });
  if (!file) return await send(call, archive);
  const { gone } = call;
  for await (const bytes of archive) {
    gone.throwIfAborted();
    await write(file, bytes);
  }
  call.json({ references });
}

/** The disk of the archive need not be the one of ctr's home. */
async function write(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    throw new CtrError("no-space", "cannot save: no space is left on the disk of the archive", {
      cause,
    });
  }
}

async function send(call: Call, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const archive = bytes[Symbol.asyncIterator]();
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

/** An image as the answers of long work tell it. */
export function named({ reference, familiar, descriptor }: ImageRecord) {
  return { reference, familiar, digest: descriptor.digest };
}
