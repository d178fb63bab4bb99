import { CtrError, isCtrError, isDiskFull } from "../core/mod.ts";

/**
 * Runs `work`; what goes wrong reads `<action>: <fact>`, and a full disk is told as one.
 *
 * @param action For example `cannot pull "alpine"`.
 */
export async function withAction<T>(
  action: string,
  home: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw named(action, home, error);
  }
}

function named(action: string, home: string, error: unknown): unknown {
  if (isDiskFull(error)) {
    return new CtrError("no-space", `${action}: no space is left on the disk of "${home}"`, {
      cause: error,
      hint: "free some, for example with: ctr image rm",
    });
  }
  if (!isCtrError(error) || error.message.startsWith(action)) return error;
  const fact = error.message
    .replace(/^cannot \w+ (it|the archive|the image|the manifest|a platform): /, "")
    .replace(/^cannot \w+ /, ""); // "cannot read blob 1234: …" becomes "blob 1234: …"
  return new CtrError(error.code, `${action}: ${fact}`, { cause: error, hint: error.hint });
}
