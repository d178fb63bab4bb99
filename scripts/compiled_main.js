// The entry of a dist/ctr made by `deno compile`: unpacks the assets once and tells the program where they are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { unpackAssets } from "./unpack_assets.js";

const { env, platform } = process;
const home = env.HOME ?? "/tmp";
const cache = env.CTR_CACHE ??
  (platform === "darwin"
    ? join(home, "Library/Caches/ctr")
    : join(env.XDG_CACHE_HOME ?? join(home, ".cache"), "ctr"));
try {
  const embedded = (path) => readFileSync(new URL(`./${path}`, import.meta.url));
  const sums = new TextDecoder().decode(embedded("assets.sha256"));
  env.CTR_ASSETS ??= unpackAssets(sums, embedded, cache);
} catch (error) {
  console.error(`error: cannot unpack ctr into "${cache}": ${error.message}`);
  process.exit(125);
}
await import("./main.js");
