import { withDeadline } from "../core/mod.ts";
import type { GuestClient } from "./connect_guest.ts";
import type { BootStep, Exit, StartProcessReply } from "../guest/gen/guest_pb.ts";
import type {
  Guest,
  GuestExit,
  GuestProcess,
  GuestProcessState,
  InputPiece,
  OutputEvent,
  StartContainer,
  StartedProcess,
} from "./guest.ts";
import { type ConnectGuest, GUEST_PORT } from "./running_vm.ts";
import type { GuestStep } from "./stopwatch.ts";

const PROTOCOL = 1;
/** How long the guest may take for an answer that waits for nothing. */
const ANSWER_MS = 15_000;
/** Mounting a large disk under emulation takes its time. */
const START_MS = 60_000;

/** Connects to guests as this release does. gRPC is loaded while the first of them boots. */
export function connectGuestOf(hostVersion: string): ConnectGuest {
  return async (vm, deadlineMs) => {
    const loading = import("./connect_guest.ts");
    loading.catch(() => {}); // awaited below
    const until = performance.now() + deadlineMs;
    const stream = await vm.connect(GUEST_PORT, { deadlineMs });
    try {
      const client = await (await loading).connectGuest(stream);
      const timeUnixNs = BigInt(Date.now()) * 1_000_000n;
      const hello = await withDeadline(
        "waiting for the guest's first answer",
        Math.max(1000, until - performance.now()),
        (signal) => client.hello({ protocol: PROTOCOL, hostVersion, timeUnixNs }, { signal }),
      );
      return new GuestOverGrpc(client, hello.bootSteps.map(step), stream);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  };
}

/** The guest's service in plain numbers. Every call has a deadline but those that wait by nature. */
class GuestOverGrpc implements Guest {
  readonly bootSteps: readonly GuestStep[];
  readonly closed: Promise<void>;
  readonly #client: GuestClient;
  readonly #stream: { destroy(): unknown };

  constructor(
    client: GuestClient,
    bootSteps: readonly GuestStep[],
    stream: { destroy(): unknown; once(event: "close", listener: () => void): unknown },
  ) {
    this.#client = client;
    this.#stream = stream;
    this.bootSteps = bootSteps;
    this.closed = new Promise((resolve) => stream.once("close", () => resolve()));
  }

  async startContainer(request: StartContainer): Promise<StartedProcess> {
    const { process, limits, shmBytes } = request;
    return started(
      await this.#client.startContainer({
        containerId: request.containerId,
        rootfs: { ...request.rootfs, layerSerials: [...request.rootfs.layerSerials] },
        process: processMessage(process),
        network: {
          interfaces: request.network.interfaces.map((each) => ({
            ...each,
            addresses: [...each.addresses],
          })),
          nameservers: [...request.network.nameservers],
          search: [...request.network.search],
          options: [...request.network.options],
          domain: request.network.domain,
          keepResolvConf: request.network.keepResolvConf,
        },
        limits: {
          memoryBytes: BigInt(limits.memoryBytes),
          cpuQuotaUs: BigInt(limits.cpuQuotaUs),
          pids: BigInt(limits.pids),
        },
        mounts: request.mounts.map((mount) => ({ ...mount, options: [...mount.options] })),
        hostname: request.hostname,
        hosts: request.hosts.map(({ address, names }) => ({ address, names: [...names] })),
        maskedPaths: [...request.maskedPaths],
        readonlyPaths: [...request.readonlyPaths],
        sysctls: { ...request.sysctls },
        shmBytes: BigInt(shmBytes),
        init: request.init,
      }, { timeoutMs: START_MS }),
    );
  }

  async startProcess(containerId: string, process: GuestProcess): Promise<StartedProcess> {
    const request = { containerId, process: processMessage(process) };
    return started(await this.#client.startProcess(request, { timeoutMs: START_MS }));
  }

  async *output(
    processId: string,
    from: number,
    signal?: AbortSignal,
  ): AsyncGenerator<OutputEvent> {
    const request = { processId, fromOffset: BigInt(from) };
    for await (const { event } of this.#client.output(request, signal ? { signal } : {})) {
      if (event.case === "data") {
        const { stream, offset, data } = event.value;
        yield { kind: "data", stream: stream === 2 ? 2 : 1, offset: Number(offset), data };
      } else if (event.case === "exit") {
        yield exit(event.value);
        return;
      }
    }
  }

  async acknowledge(processId: string, offset: number): Promise<void> {
    await this.#client.acknowledge({ processId, offset: BigInt(offset) }, { timeoutMs: ANSWER_MS });
  }

  async writeInput(processId: string, { offset, data, close }: InputPiece): Promise<number> {
    const reply = await this.#client.writeInput({ processId, offset: BigInt(offset), data, close });
    return Number(reply.offset);
  }

  async resize(processId: string, rows: number, columns: number): Promise<void> {
    await this.#client.resize({ processId, rows, columns }, { timeoutMs: ANSWER_MS });
  }

  async signal(processId: string, signal: number, options = { all: false }): Promise<void> {
    const { all } = options;
    await this.#client.signal({ processId, signal, all }, { timeoutMs: ANSWER_MS });
  }

  async processes(): Promise<readonly GuestProcessState[]> {
    const { processes } = await this.#client.listProcesses({}, { timeoutMs: ANSWER_MS });
    return processes.map((each) => ({
      processId: each.processId,
      containerId: each.containerId,
      startedMs: Number(each.startedUnixNs / 1_000_000n),
      exit: each.exit && exit(each.exit),
      outputBegin: Number(each.outputBeginOffset),
      inputOffset: Number(each.inputOffset),
    }));
  }

  async forget(processId: string): Promise<void> {
    await this.#client.forgetProcess({ processId }, { timeoutMs: ANSWER_MS });
  }

  async setTime(unixMs: number): Promise<void> {
    const timeUnixNs = BigInt(Math.round(unixMs * 1000)) * 1000n;
    await this.#client.setTime({ timeUnixNs }, { timeoutMs: ANSWER_MS });
  }

  async shutdown(graceMs: number): Promise<void> {
    await this.#client.shutdown({ graceMs });
  }

  close(): void {
    this.#stream.destroy();
  }
}

function processMessage(process: GuestProcess) {
  return {
    ...process,
    args: [...process.args],
    env: [...process.env],
    additionalGids: [...process.additionalGids],
    security: { ...process.security, capabilities: [...process.security.capabilities] },
    rlimits: process.rlimits.map(({ type, soft, hard }) => ({
      type,
      soft: rlimit(soft),
      hard: rlimit(hard),
    })),
  };
}

const INFINITY = 0xffff_ffff_ffff_ffffn;

function rlimit(value: number): bigint {
  return value >= Number.MAX_SAFE_INTEGER ? INFINITY : BigInt(Math.floor(value));
}

function started(reply: StartProcessReply): StartedProcess {
  return { atMs: Number(reply.startedUnixNs / 1_000_000n), steps: reply.steps.map(step) };
}

function step({ name, beganNs, tookNs }: BootStep): GuestStep {
  return { name, beganMs: Number(beganNs) / 1e6, tookMs: Number(tookNs) / 1e6 };
}

function exit(value: Exit): GuestExit {
  return {
    kind: "exit",
    status: value.status,
    signal: value.signal,
    oomKilled: value.oomKilled,
    oomVictim: value.oomVictim,
    atMs: Number(value.exitedUnixNs / 1_000_000n),
    outputEnd: Number(value.outputEndOffset),
  };
}
