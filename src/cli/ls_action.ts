import { z } from "zod";
import { Container } from "../api/mod.ts";
import type { App } from "./app.ts";
import { familiarReference } from "./familiar.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";

interface ListFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format: Format;
}

const HEADER = "ID NAME IMAGE OS ARCH STATE IP CPUS MEMORY STARTED".split(" ");

/** Lists containers. */
export async function list(app: App, flags: ListFlags): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.get(`/containers${flags.all ? "?all=1" : ""}`);
  const containers = parseAnswer(z.array(Container), answer);
  const shown = (id: string) => flags.trunc ? id.slice(0, 12) : id;
  await printList(app, containers, {
    format: flags.format,
    quiet: flags.quiet,
    header: HEADER,
    row: (each) => row(each, shown(each.id)),
    id: (each) => shown(each.id),
  });
}

function row({ name, configuration, status }: Container, id: string): string[] {
  const { image, platform, resources } = configuration;
  return [
    id,
    name,
    familiarReference(image.reference),
    platform.os,
    platform.architecture,
    status.state,
    status.networks.map((network) => network.ipv4Address.replace(/\/.*/, "")).join(","),
    String(resources.cpus),
    `${Math.round(resources.memoryInBytes / 1048576)} MB`,
    status.state === "running" ? status.startedAt ?? "" : "",
  ];
}
