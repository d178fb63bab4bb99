import type { EgressSpec } from "../api/mod.ts";
import { usage } from "./errors.ts";

export interface EgressFlags {
  readonly egress?: string;
  readonly allowHost?: readonly string[];
}

/** @returns Undefined if nothing was asked for. `--allow-host` alone means that all else is denied. */
export function egress({ egress, allowHost = [] }: EgressFlags): EgressSpec | undefined {
  if (egress === undefined && allowHost.length === 0) return undefined;
  if (egress !== undefined && egress !== "allow" && egress !== "deny") {
    throw usage(`cannot use --egress "${egress}": want allow or deny`);
  }
  if (egress === "allow" && allowHost.length > 0) {
    throw usage("cannot use --allow-host together with --egress allow: all is allowed");
  }
  return { default: egress ?? "deny", allow: allowHost.map(exception) };
}

/** `name`, `*.name`, an address or a range, and `:port` behind it; IPv6 in brackets before a port. */
function exception(text: string): EgressSpec["allow"][number] {
  const bad = (fact: string) => usage(`cannot use --allow-host "${text}": ${fact}`);
  const six = /^\[([0-9a-f:.]+(?:\/\d+)?)\](?::(\d+))?$/i.exec(text) ??
    /^([0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*(?:\/\d+)?)$/i.exec(text);
  const [, host = "", portText] = six ?? /^([^:]+)(?::(\d+))?$/.exec(text) ?? [];
  const port = Number(portText ?? 0);
  if (port > 65_535 || portText === "0") throw bad("want a port of 1 to 65535");
  if (six) return { range: host.includes("/") ? host : `${host}/128`, port };
  if (/^\d+(\.\d+){3}$/.test(host)) return { range: `${host}/32`, port };
  if (/^\d+(\.\d+){3}\/\d+$/.test(host)) return { range: host, port };
  if (/^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(host)) return { name: host, port };
  throw bad("want a name, *.name, an address or a range, with :port behind it if one is meant");
}
