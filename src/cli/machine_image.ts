import { readConfig } from "../config/mod.ts";
import { configFile } from "../host/mod.ts";
import { parseReference } from "../oci/mod.ts";

/** Whose image is called otherwise than the distribution. */
const SHORT_NAMES: Readonly<Record<string, string>> = { arch: "archlinux" };

export type MachineSettings = Awaited<ReturnType<typeof readConfig>>["machine"];

export async function machineSettings(): Promise<MachineSettings> {
  return (await readConfig(configFile())).machine;
}

/** The reference that a short name stands for, its tag kept: `arch:base` is `archlinux:base`. */
export function imageOf(text: string, { images = {} }: MachineSettings): string {
  const [, name = "", rest = ""] = /^([a-z0-9-]+)(:[\w.-]+)?$/.exec(text) ?? [];
  const target = Object.hasOwn(images, name)
    ? images[name]
    : Object.hasOwn(SHORT_NAMES, name)
    ? SHORT_NAMES[name]
    : undefined;
  if (target === undefined) return text;
  return /[:@][^/]*$/.test(target) ? target : `${target}${rest}`;
}

/** `ubuntu-24-04` of `ubuntu:24.04`: what a machine is called that is given no name. */
export function nameOf(image: string): string {
  const { path, tag } = parseReference(image);
  const words = [path.split("/").at(-1), tag === "latest" ? undefined : tag];
  return words.filter((word) => word).join("-").toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "").slice(0, 57).replace(/-+$/, "");
}
