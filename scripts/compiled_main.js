// The entry of a dist/ctr made by `deno compile`: QEMU opens files, so the embedded kernel and boot disk are written
// out once, by content, and the program is told where they are.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const sums = readFileSync(new URL("./assets.sha256", import.meta.url), "utf8");
const cache = process.env.CTR_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "/tmp", ".cache"), "ctr");
const folder = join(cache, "app", createHash("sha256").update(sums).digest("hex"));

for (const [, sum, path] of sums.matchAll(/^(\w+) +assets\/(.+)$/gm)) {
  const target = join(folder, path);
  if (exists(target)) continue;
  const bytes = readFileSync(new URL(`./assets/${path}`, import.meta.url));
  if (createHash("sha256").update(bytes).digest("hex") !== sum) {
    throw new Error(`the embedded ${path} is damaged`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = `${target}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes, { flush: true });
  renameSync(temporary, target);
}
process.env.CTR_ASSETS ??= folder;
await import("./main.js");

function exists(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
