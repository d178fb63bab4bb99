import { join } from "node:path";
import { CtrError } from "../core/mod.ts";
import { hostSystem } from "./facts.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder that holds everything ctr owns: `$CTR_HOME`, else the system's place for such data.
 *
 * @throws {CtrError} `usage` if `$CTR_HOME` is not absolute; `unavailable` if `$HOME` is unset.
 */
export function ctrHome(env: Environment = Deno.env.toObject(), system = hostSystem()): string {
  const { CTR_HOME: home } = env;
  if (home) {
    if (home.startsWith("/")) return home.replace(/(?<=.)\/+$/, "");
    throw new CtrError("usage", `cannot use CTR_HOME "${home}": want an absolute path`);
  }
  return system === "darwin"
    ? join(userHome(env), "Library/Application Support/ctr")
    : join(dataHome(env, "XDG_DATA_HOME", ".local/share"), "ctr");
}

/** What may be deleted at any time: unpacked programs, downloads. */
export function cacheFolder(
  env: Environment = Deno.env.toObject(),
  system = hostSystem(),
): string {
  if (env.CTR_CACHE) return env.CTR_CACHE;
  return system === "darwin"
    ? join(userHome(env), "Library/Caches/ctr")
    : join(dataHome(env, "XDG_CACHE_HOME", ".cache"), "ctr");
}

/** The user's configuration file. It need not exist. */
export function configFile(env: Environment = Deno.env.toObject()): string {
  return env.CTR_CONFIG ?? join(dataHome(env, "XDG_CONFIG_HOME", ".config"), "ctr/config.toml");
}

/** The XDG rule: a relative path there is ignored. */
function dataHome(env: Environment, name: string, fallback: string): string {
  const value = env[name];
  return value?.startsWith("/") ? value : join(userHome(env), fallback);
}

function userHome(env: Environment): string {
  if (env.HOME?.startsWith("/")) return env.HOME;
  throw new CtrError("unavailable", "cannot find the home folder: HOME is not set", {
    hint: "set CTR_HOME to a folder of your own",
  });
}
