import { z } from "zod";
import { NamedDigest } from "../api/mod.ts";
import { registryEnvironment } from "../api/wire/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { followProgress } from "./progress.ts";
import { count } from "./settings.ts";

interface PushFlags extends PlatformFlags {
  readonly allTags?: boolean;
  readonly referrers?: boolean;
  readonly quiet?: boolean;
  readonly scheme: string;
  readonly progress: string;
  readonly maxConcurrentUploads?: string;
}

const Pushed = z.object({
  images: z.array(NamedDigest.extend({ size: z.number(), referrers: z.number() })),
});

/** Sends an image and prints its reference; the digest goes to standard error. */
export async function push(app: App, image: string, flags: PushFlags): Promise<void> {
  const wanted = platform(app, flags, "flags");
  if (flags.allTags && wanted !== undefined) {
    throw usage("cannot use --all-tags together with a platform");
  }
  const most = flags.maxConcurrentUploads;
  const engine = await app.engine();
  const response = await engine.postStream("/images/push", {
    reference: image,
    scheme: flags.scheme,
    environment: registryEnvironment(),
    allTags: Boolean(flags.allTags),
    referrers: Boolean(flags.referrers),
    ...(wanted !== undefined && { platform: wanted }),
    ...(most !== undefined &&
      { maxConcurrentUploads: count("--max-concurrent-uploads", most, 1, 64) }),
  });
  const how = flags.quiet ? "none" : flags.progress;
  const answer = await followProgress(app, response, { how, title: `pushing ${image}` });
  for (const { familiar, digest, size, referrers } of parseAnswer(Pushed, answer).images) {
    if (!flags.quiet) {
      app.stderr.line(`${familiar}: digest: ${digest} size: ${size}`);
      if (flags.referrers) app.stderr.line(`${familiar}: attached artifacts: ${referrers}`);
    }
    app.stdout.line(familiar);
  }
}
