import { CtrError, type ErrorCode } from "../../core/mod.ts";

const FACTS: Readonly<Record<string, readonly [code: ErrorCode, fact: string]>> = {
  EACCES: ["denied", "permission denied"],
  EPERM: ["denied", "the system does not permit it"],
  EROFS: ["denied", "its file system is read-only"],
  ENOSPC: ["no-space", "no space is left on the disk"],
  EDQUOT: ["no-space", "the quota is used up"],
  ENAMETOOLONG: ["too-large", "the name is too long for this file system"],
  EFBIG: ["too-large", "it is too large for this file system"],
  ENOENT: ["not-found", "there is no such file or folder"],
  ENOTDIR: ["not-found", "something on the way to it is no folder"],
  ELOOP: ["bad-data", "too many links lead to one another"],
  EMFILE: ["too-large", "too many files are open at once"],
  EIO: ["bad-data", "the disk failed"],
};

/** What the host's file system said, as a sentence that begins with `doing`. */
export function hostError(error: unknown, doing: string): Error {
  if (error instanceof CtrError) {
    return new CtrError(error.code, `${doing}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
  const known = FACTS[(error as { code?: string }).code ?? ""];
  if (known) return new CtrError(known[0], `${doing}: ${known[1]}`, { cause: error });
  if (!(error instanceof Error)) return new Error(String(error));
  return new CtrError("unavailable", `${doing}: ${error.message}`, { cause: error });
}
