import { userInfo } from "node:os";
import { basename } from "node:path";
import { HostUser } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";

const ZONES = "/zoneinfo/";

/** Who we are on this host, for a machine in which we are to be the same. @throws {CtrError} `not-found`. */
export async function hostUser(app: App, homeMount: string): Promise<HostUser> {
  const { username, uid, gid, homedir, shell } = userInfo();
  const home = app.env("HOME") || homedir;
  if (
    homeMount !== "none" && !await Deno.stat(home).then((info) => info.isDirectory, () => false)
  ) {
    throw new CtrError("not-found", `cannot share your home folder: there is no "${home}"`, {
      hint: "leave it out with --home-mount none, or set HOME",
    });
  }
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(app.env).find((text) => text);
  const zone = await timeZone(app);
  const parsed = HostUser.safeParse({
    name: username,
    uid,
    gid,
    groups: await groups(gid),
    home,
    ...(shell && { shell: basename(shell) }),
    ...(locale && /^[A-Za-z]/.test(locale) && { locale }),
    ...(zone !== undefined && { timeZone: zone }),
  });
  if (parsed.success) return parsed.data;
  const [{ path, message } = { path: [], message: "" }] = parsed.error.issues;
  throw new CtrError(
    "unsupported",
    `cannot make your account in a machine: ${path.join(".")}: ${message}`,
  );
}

/** Supplementary groups, by `id`: Node tells no names. What is not there is left out. */
async function groups(own: number): Promise<{ name: string; gid: number }[]> {
  const [names, numbers] = await Promise.all([words("-Gn"), words("-G")]);
  if (names.length !== numbers.length) return []; // a name with a blank in it
  return names.flatMap((name, at) => {
    const gid = Number(numbers[at]);
    const usable = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$/.test(name);
    return gid === own || gid === 0 || !usable ? [] : [{ name, gid }];
  });
}

async function words(flag: string): Promise<string[]> {
  try {
    const { success, stdout } = await new Deno.Command("id", { args: [flag], stderr: "null" })
      .output();
    return success ? new TextDecoder().decode(stdout).trim().split(/\s+/) : [];
  } catch {
    return [];
  }
}

/** As the zone database calls it; undefined where the host does not say. */
async function timeZone(app: App): Promise<string | undefined> {
  const named = app.env("TZ")?.replace(/^:/, "");
  if (named && /^[A-Za-z]+\/[A-Za-z_+-]/.test(named)) return named;
  const target = await Deno.realPath("/etc/localtime").catch(() => "");
  const at = target.lastIndexOf(ZONES);
  const zone = at < 0 ? "" : target.slice(at + ZONES.length);
  return /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(zone) ? zone : undefined;
}
