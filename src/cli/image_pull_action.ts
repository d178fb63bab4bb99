import { z } from "zod";
import { NamedDigest } from "../api/mod.ts";
import { registryEnvironment } from "../api/wire/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { followProgress } from "./progress.ts";
import { count } from "./settings.ts";

interface PullFlags extends PlatformFlags {
  readonly allPlatforms?: boolean;
  readonly allTags?: boolean;
  readonly referrers?: boolean;
  readonly quiet?: boolean;
  readonly scheme: string;
  readonly progress: string;
  readonly maxConcurrentDownloads?: string;
}

const Pulled = z.object({
  images: z.array(NamedDigest.extend({ referrers: z.number() })).default([]),
});

/** Fetches an image and unpacks it. Nothing is printed on standard output, but with --all-tags. */
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
    environment: registryEnvironment(),
    ...(wanted !== undefined && !flags.allPlatforms && { platform: wanted }),
    ...(flags.allPlatforms && { allPlatforms: true }),
    ...(flags.allTags && { allTags: true }),
    ...(flags.referrers && { referrers: true }),
    ...(most !== undefined &&
      { maxConcurrentDownloads: count("--max-concurrent-downloads", most, 1, 64) }),
  });
  const how = flags.quiet ? "none" : flags.progress;
  const answer = await followProgress(app, response, { how, title: `pulling ${image}` });
  for (const { familiar, referrers } of parseAnswer(Pulled, answer ?? {}).images) {
    if (flags.allTags) app.stdout.line(familiar);
    if (flags.referrers && !flags.quiet) {
      app.stderr.line(`${familiar}: attached artifacts: ${referrers}`);
    }
  }
}
