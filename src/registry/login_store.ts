import { dirname, join } from "node:path";
import { z } from "zod";
import { CtrError, lockFile, writeFileAtomic } from "../core/mod.ts";
import { systemKeychain } from "../host/mod.ts";
import { entryFor } from "./registry_key.ts";
import type { Credentials, CredentialSource } from "./types.ts";

const LOCK_MS = 5000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Who logs in with an identity token has no name; this is what Docker's helpers write for it. */
const TOKEN_USER = "<token>";

const Entry = z.strictObject({
  username: z.string(),
  /** Absent: it is in the system's keychain. */
  secret: z.string().optional(),
  createdAt: z.iso.datetime(),
  modifiedAt: z.iso.datetime(),
});
const File = z.strictObject({ version: z.literal(1), registries: z.record(z.string(), Entry) });

/** A login without its secret. */
export interface Login {
  /** A host, or a part of one: `ghcr.io/team`. */
  readonly registry: string;
  readonly username: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

/** Where logins are kept. Keys are in the spelling of `registryKey`. */
export interface LoginStore extends CredentialSource {
  list(): Promise<Login[]>;
  put(registry: string, username: string, secret: string): Promise<void>;
  /** @returns False if there was none. */
  remove(registry: string): Promise<boolean>;
}

/**
 * Keeps logins in a file of the ctr home that its owner alone may read, and their secrets in the system's
 * keychain where there is one that can be used: not in every session it can.
 */
export function fileLoginStore(home: string, keychain = systemKeychain()): LoginStore {
  const path = join(home, "credentials.json");
  const lock = join(home, "run/credentials.lock");
  const change = async <T>(edit: (registries: Registries) => T): Promise<T> => {
    await Deno.mkdir(dirname(lock), { recursive: true, mode: 0o700 });
    using _lock = await lockFile(lock, "the logins", LOCK_MS);
    const registries = await read(path);
    const result = edit(registries);
    const sorted = Object.fromEntries(
      Object.entries(registries).sort(([a], [b]) => a < b ? -1 : 1),
    );
    const text = `${JSON.stringify({ version: 1, registries: sorted }, null, 2)}\n`;
    await writeFileAtomic(path, text, { mode: 0o600 });
    return result;
  };
  return {
    name: "ctr registry login",
    async find(host, repository) {
      const [registry, entry] = entryFor(await read(path), host, repository) ?? [];
      if (registry === undefined || entry === undefined) return undefined;
      const { username } = entry;
      // A keychain that cannot be used now is as if nobody had logged in: other sources follow.
      const secret = entry.secret ??
        await keychain?.get({ server: registry, account: username }).catch(() => undefined);
      return secret === undefined ? undefined : credentialsOf(username, secret);
    },
    async list() {
      return Object.entries(await read(path)).map(([registry, entry]) => ({
        registry,
        username: entry.username,
        createdAt: new Date(entry.createdAt),
        modifiedAt: new Date(entry.modifiedAt),
      }));
    },
    async put(registry, username, secret) {
      const kept = await keychain?.set({ server: registry, account: username }, secret)
        .then(() => true, () => false) ?? false;
      await change((registries) => {
        const now = new Date().toISOString();
        const createdAt = registries[registry]?.createdAt ?? now;
        const entry = { username, createdAt, modifiedAt: now };
        registries[registry] = kept ? entry : { ...entry, secret };
      });
    },
    async remove(registry) {
      const entry = (await read(path))[registry];
      if (!entry) return false;
      if (entry.secret === undefined) await keychain?.remove(registry).catch(() => false);
      return await change((registries) => {
        const there = registry in registries;
        delete registries[registry];
        return there;
      });
    },
  };
}

/** What a user name and a secret mean: with the name `<token>` it is an identity token. */
export function credentialsOf(username: string, secret: string): Credentials {
  return username === TOKEN_USER
    ? { kind: "token", refreshToken: secret }
    : { kind: "basic", username, password: secret };
}

type Registries = Record<string, z.output<typeof Entry>>;

async function read(path: string): Promise<Registries> {
  let text: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw new CtrError("denied", `cannot read "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return { ...File.parse(JSON.parse(text)).registries };
  } catch {
    // Without its cause: the words of a parser quote what it read, which is secrets.
    throw new CtrError("bad-data", `cannot read "${path}": it is damaged`, {
      hint: "remove it and log in again",
    });
  }
}
