import type { UpdateReply, UpdateRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { writeConfigFile } from "./config_file.ts";
import type { Context } from "./context.ts";
import type { Lifetime } from "./lifetime.ts";
import type { ContainerRecords } from "./records.ts";
import type { ContainerConfig } from "./types.ts";
import { updated } from "./update.ts";

/** Changes a container's limits and restart policy. @throws {CtrError} as `updated()`. */
export async function update(
  life: Lifetime,
  records: ContainerRecords,
  request: UpdateRequest,
): Promise<UpdateReply> {
  const warnings = await life.mutex.run(async () => {
    const { live, mustRecord } = life;
    const vm = live && !live.ended ? live.vm : undefined;
    const { config, warnings } = await updated(mustRecord, request, vm);
    await configure(life, records, config);
    life.restarts.policyChanged();
    return warnings;
  });
  life.tell("update");
  return { warnings };
}

/**
 * Gives a container another name.
 *
 * @param reserved Whether a container of that name is being made.
 * @throws {CtrError} `exists` if the name is taken.
 */
export async function rename(
  life: Lifetime,
  { records, networks }: Pick<Context, "records" | "networks">,
  name: string,
  reserved: (name: string) => boolean,
): Promise<void> {
  const oldName = await life.mutex.run(async () => {
    const { config } = life;
    if (config.name === name) {
      throw new CtrError("exists", `cannot rename "${name}": that is its name already`);
    }
    if (reserved(name)) {
      const fact = `the name "${name}" is being taken`;
      throw new CtrError("exists", `cannot rename "${config.name}": ${fact}`);
    }
    await configure(life, records, { ...config, name });
    await networks.rename(config.id, config.name, name);
    return config.name;
  });
  life.tell("rename", { oldName });
}

/**
 * Tells a container that forwards an ssh-agent where its caller's listens now; others are not touched.
 * Connections that are made from now on go there, those of a running container too.
 */
export async function handAgent(
  life: Lifetime,
  records: ContainerRecords,
  socket: string,
): Promise<void> {
  await life.mutex.run(async () => {
    const { config } = life;
    if (config.sshAgent === undefined || config.sshAgent.socket === socket) return;
    await configure(life, records, { ...config, sshAgent: { socket } });
  });
}

/** The record counts; the file follows, and is mended by the next engine if we die in between. */
export async function configure(
  life: Lifetime,
  records: ContainerRecords,
  config: ContainerConfig,
): Promise<void> {
  records.configure(life.id, config);
  await writeConfigFile(life.folders, config);
}
