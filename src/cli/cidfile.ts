import { CtrError } from "../core/mod.ts";

/**
 * Prepares to write a container's ID to a new file.
 *
 * @throws {CtrError} `exists` before anything is made: the file of another container is not ours.
 */
export async function cidfile(path: string | undefined): Promise<(id: string) => Promise<void>> {
  if (path === undefined) return async () => {};
  const there = await Deno.lstat(path).then(() => true, () => false);
  if (there) throw exists(path);
  return async (id) => {
    try {
      await Deno.writeTextFile(path, id, { createNew: true, mode: 0o644 });
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) throw exists(path);
      const fact = error instanceof Error ? error.message : String(error);
      throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
    }
  };
}

function exists(path: string): CtrError {
  return new CtrError("exists", `cannot write "${path}": it exists`, {
    hint: "remove it, or give another --cidfile",
  });
}
