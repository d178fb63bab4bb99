import { z } from "zod";
import type { CreateRequestInput } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { containerPath } from "./mount_paths.ts";

type Security = NonNullable<CreateRequestInput["security"]>;
type Seccomp = NonNullable<Security["seccomp"]>;
type Device = NonNullable<CreateRequestInput["devices"]>[number];

const Profile = z.looseObject({ defaultAction: z.string() });

/** The default profile has 60 KiB in Docker's format. */
const MOST_PROFILE_BYTES = 1024 * 1024;

/** `--security-opt`, in Docker's spelling; a colon parts as well as an equals sign. */
export async function security(texts: readonly string[]): Promise<Security> {
  const found: Security = {};
  for (const text of texts) {
    const [key = "", value] = text.split(/[=:](.*)/s);
    const bad = (fact: string) => usage(`cannot use --security-opt "${text}": ${fact}`);
    switch (key) {
      case "no-new-privileges":
        if (!["true", "false", undefined].includes(value)) throw bad("want true or false");
        found.noNewPrivileges = value !== "false";
        break;
      case "seccomp":
        if (!value) throw bad('want "unconfined" or the path of a profile');
        if (value === "unconfined") found.seccomp = "unconfined";
        else if (value === "builtin") delete found.seccomp;
        else found.seccomp = await seccompProfile(value);
        break;
      case "systempaths":
        if (value !== "unconfined") throw bad('want "unconfined"');
        found.systempaths = "unconfined";
        break;
      case "apparmor": // what is asked for is so already where it is to be off
        if (value !== "unconfined") throw bad("the guest's kernel has no AppArmor");
        break;
      case "label":
        if (value !== "disable") throw bad("the guest's kernel has no SELinux");
        break;
      default:
        throw bad(
          "want no-new-privileges, seccomp=unconfined, seccomp=FILE or systempaths=unconfined",
        );
    }
  }
  return found;
}

async function seccompProfile(path: string): Promise<Seccomp> {
  let text: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > MOST_PROFILE_BYTES) {
      throw new CtrError(
        "too-large",
        `cannot read "${path}": ${size} bytes, at most ${MOST_PROFILE_BYTES}`,
      );
    }
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof CtrError) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new CtrError("not-found", `cannot read "${path}": there is no such file`);
    }
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot read "${path}": ${fact}`, { cause: error });
  }
  try {
    return Profile.parse(JSON.parse(text));
  } catch {
    throw usage(`cannot use the seccomp profile "${path}": want JSON with a "defaultAction"`);
  }
}

/** `source[:destination][:rwm]`; both are paths of the guest, for the host's devices stay outside. */
export function devices(texts: readonly string[]): Device[] {
  return texts.map((text) => {
    const bad = (fact: string) => usage(`cannot use --device "${text}": ${fact}`);
    if (/^[^/]+\/[^=]+=/.test(text)) throw bad("there are no devices of vendors (CDI) in a VM");
    const [source = "", second, third, ...rest] = text.split(":");
    if (rest.length > 0 || !source.startsWith("/dev/")) {
      throw usage(
        `cannot use --device "${text}": want /dev/name[:/dev/name][:rwm]`,
        "devices are those of the container's VM",
      );
    }
    const access = third ?? (second !== undefined && !second.startsWith("/") ? second : "rwm");
    const destination = second?.startsWith("/") ? second : source;
    if (!/^[rwm]{1,3}$/.test(access) || new Set(access).size !== access.length) {
      throw bad(`"${access}" is not made of r, w and m`);
    }
    return {
      source: containerPath("--device", text, source),
      destination: containerPath("--device", text, destination),
      access,
    };
  });
}
