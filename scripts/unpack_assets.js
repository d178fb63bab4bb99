// Writes what `deno compile` has embedded into a folder, by content: QEMU, and the system's loader, open files. A file
// that is there is believed for as long as its size, inode and time of change are those of when it was last hashed.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/**
 * @param {string} sums Lines of sha256sum over `assets/…`.
 * @param {(path: string) => Uint8Array} read Gives an embedded file by its path.
 * @param {string} cache The folder under which each version has one of its own.
 * @returns {string} The folder that holds the assets.
 */
export function unpackAssets(sums, read, cache) {
  const folder = join(cache, "app", sha256(sums));
  const marks = readMarks(join(folder, "complete"));
  let changed = false;
  for (const [, sum, path] of sums.matchAll(/^([0-9a-f]{64}) [ *]assets\/(.+)$/gm)) {
    const target = join(folder, path);
    const mark = look(target);
    if (mark !== undefined && mark === marks[path]) continue;
    changed = true;
    if (mark === undefined || sha256(readFileSync(target)) !== sum) {
      write(folder, target, read(`assets/${path}`), sum);
    }
    marks[path] = look(target);
  }
  if (changed) replace(join(folder, "complete"), JSON.stringify(marks), 0o600);
  return folder;
}

function write(folder, target, bytes, sum) {
  if (sha256(bytes) !== sum) throw new Error(`the embedded file for "${target}" is damaged`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // A new file under the old name: the system remembers the signature of one that was run.
  replace(target, bytes, 0o700);
}

function replace(target, content, mode) {
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content, { flush: true, mode });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readMarks(path) {
  try {
    return { ...JSON.parse(readFileSync(path, "utf8")) };
  } catch {
    return {};
  }
}

function look(path) {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found && `${found.size},${found.ctimeNs},${found.ino}`;
}

function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}
