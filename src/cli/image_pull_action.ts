import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { followProgress } from "./progress.ts";
import { count } from "./settings.ts";

interface PullFlags extends PlatformFlags {
  readonly allPlatforms?: boolean;
  readonly scheme: string;
  readonly progress: string;
  readonly maxConcurrentDownloads?: string;
}

/** Fetches an image and unpacks it. Nothing is printed on standard output. */
export async function pull(app: App, image: string, flags: PullFlags): Promise<void> {
  const wanted = platform(app, flags, "flags");
  if (flags.allPlatforms && (flags.platform ?? flags.arch ?? flags.os) !== undefined) {
    throw usage("cannot use --all-platforms together with a platform");
  }
  const most = flags.maxConcurrentDownloads;
  const engine = await app.engine();
  const response = await engine.postStream("/images/pull", {
    reference: image,
    scheme: flags.scheme,
    ...(wanted !== undefined && !flags.allPlatforms && { platform: wanted }),
    ...(flags.allPlatforms && { allPlatforms: true }),
    ...(most !== undefined &&
      { maxConcurrentDownloads: count("--max-concurrent-downloads", most, 1, 64) }),
  });
  await followProgress(app, response, { how: flags.progress, title: `pulling ${image}` });
}
