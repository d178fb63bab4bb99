import { hostSystem } from "./facts.ts";
import { type Keychain, KEYCHAIN_SYMBOLS, openKeychain } from "./keychain.ts";
import { findShim } from "./shim_library.ts";

/**
 * The keychain of this host, opened at the first use; undefined where there is none, or `CTR_KEYCHAIN` is
 * `off`. `on` tries it on other systems too: for tests.
 */
export function systemKeychain(wanted = Deno.env.get("CTR_KEYCHAIN")): Keychain | undefined {
  if (wanted === "off" || (wanted !== "on" && hostSystem() !== "darwin")) return undefined;
  let opened: Promise<Keychain> | undefined;
  const keychain = () =>
    opened ??= findShim().then((path) => openKeychain(Deno.dlopen(path, KEYCHAIN_SYMBOLS).symbols));
  return {
    get: async (item) => await (await keychain()).get(item),
    set: async (item, secret) => await (await keychain()).set(item, secret),
    remove: async (server) => await (await keychain()).remove(server),
  };
}
