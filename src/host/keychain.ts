import { CtrError, withDeadline } from "../core/mod.ts";
import { cText } from "./libc.ts";

/** The shim's functions for passwords; part of its whole table. They may wait for the user. */
export const KEYCHAIN_SYMBOLS = {
  ctrvz_free: { parameters: ["pointer"], result: "void" },
  ctrvz_secret_set: { parameters: ["buffer", "buffer", "u32"], result: "i32", nonblocking: true },
  ctrvz_secret_get: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  ctrvz_secret_delete: { parameters: ["buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

export type KeychainSymbols = Deno.DynamicLibrary<typeof KEYCHAIN_SYMBOLS>["symbols"];

/** Tells our passwords from other programs'. */
const DOMAIN = "dev.ctr.registry";
/** Somebody may be typing a password; nobody is where there is no screen. */
const ANSWER_MS = 60_000;
const NOT_FOUND = -25300;
/** What a status means, where it can be helped. @see Apple's Security/SecBase.h */
const REASONS: Readonly<Record<number, string>> = {
  [-25308]: "it is locked, and nobody can be asked here",
  [-25293]: "the password was wrong",
  [-25291]: "there is no keychain",
  [-128]: "it was not allowed",
};

/** What a password is for. */
export interface KeychainItem {
  readonly server: string;
  readonly account: string;
}

/** Passwords in the user's login keychain, one for each server. */
export interface Keychain {
  get(item: KeychainItem): Promise<string | undefined>;
  set(item: KeychainItem, secret: string): Promise<void>;
  /** @returns False if there was none. */
  remove(server: string): Promise<boolean>;
}

/**
 * The keychain behind the shim.
 *
 * Its methods throw `CtrError` `unavailable` where the keychain cannot be used: in a session without a screen it
 * may be locked, and a program that was signed anew is asked about.
 */
export function openKeychain(symbols: KeychainSymbols, answerMs = ANSWER_MS): Keychain {
  const ask = <T>(work: () => Promise<T>) =>
    withDeadline("waiting for the keychain", answerMs, work);
  const query = (fields: object) => cText(JSON.stringify({ domain: DOMAIN, ...fields }));
  return {
    async get({ server, account }) {
      const pointer = new BigUint64Array(1);
      const length = new Uint32Array(1);
      const name = query({ server, account });
      const status = await ask(() => symbols.ctrvz_secret_get(name, pointer, length));
      if (status === NOT_FOUND) return undefined;
      if (status !== 0) throw refused(status);
      const secret = Deno.UnsafePointer.create(pointer[0]!);
      if (secret === null) return "";
      try {
        const bytes = new Deno.UnsafePointerView(secret).getArrayBuffer(length[0]!);
        return new TextDecoder().decode(bytes);
      } finally {
        symbols.ctrvz_free(secret);
      }
    },
    async set(item, secret) {
      const bytes = new TextEncoder().encode(secret);
      const named = ({ server, account }: KeychainItem) =>
        query({ server, account, label: `ctr: ${server}` });
      const status = await ask(() => symbols.ctrvz_secret_set(named(item), bytes, bytes.length));
      if (status !== 0) throw refused(status);
    },
    async remove(server) {
      const status = await ask(() => symbols.ctrvz_secret_delete(query({ server })));
      if (status !== 0 && status !== NOT_FOUND) throw refused(status);
      return status === 0;
    },
  };
}

function refused(status: number): CtrError {
  const fact = REASONS[status] ?? `it answered ${status}`;
  return new CtrError("unavailable", `cannot use the keychain: ${fact}`);
}
