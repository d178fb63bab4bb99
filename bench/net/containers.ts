/** The part of the bench that needs containers: names, what a network adds to a start, memory, and its return. */
import { connect } from "node:net";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import type { BenchHome } from "../cli/bench_home.ts";
import { inTurn, median, mib, ms, repeat, type Row } from "../table.ts";
import type { Figures } from "./load.ts";

const LOOKUP_MS = 3;
const START_MS = 15;
const IDLE = 25 * 1048576;
const BACK_MS = 2000;
const PORT = 7000;
const QUIET = ["--progress", "none"];

/** @param program What makes traffic, a file of the host. */
export async function containerRows(
  home: BenchHome,
  program: string,
  quick: boolean,
): Promise<Row[]> {
  const mounted = ["-v", `${program}:/load`];
  const serve = ["-p", `127.0.0.1:0:${PORT}`, BUSYBOX, "/load", "serve", `:${PORT}`];
  await home.ctr("run", "-d", "--name", "server", ...QUIET, ...mounted, ...serve);
  const idle = await residentBytes(await networkPid(home));
  await home.ctr("run", "-d", "--name", "client", ...QUIET, ...mounted, BUSYBOX, "sleep", "10000");
  return [
    ...await lookupRows(home, quick),
    ...await startRows(home, quick),
    {
      what: "netd of an idle network of one container, resident",
      ours: mib(idle),
      limit: mib(IDLE),
      kept: idle <= IDLE,
    },
    ...await backRows(home, quick),
  ];
}

async function lookupRows(home: BenchHome, quick: boolean): Promise<Row[]> {
  const words = ["/load", "lookup", "127.0.0.11:53", "server", quick ? "100" : "500"];
  const found: Figures = JSON.parse(await home.ctr("exec", "client", ...words));
  const took = found.medianUs! / 1000;
  return [{
    what: "a peer's address, asked by a guest of its name server",
    ours: ms(took),
    limit: ms(LOOKUP_MS),
    kept: took <= LOOKUP_MS,
  }];
}

/** What joining takes in a start, by the engine's own clock; and a whole start beside one without a network. */
async function startRows(home: BenchHome, quick: boolean): Promise<Row[]> {
  const joined: number[] = [];
  const start = (...flags: string[]) => async () => {
    const began = performance.now();
    const words = ["run", "--rm", "--timing", ...QUIET, ...flags, BUSYBOX, "true"];
    const { code, stderr } = await home.spawn(words).output();
    const took = performance.now() - began;
    const phase = /^network +[\d.]+ ms +([\d.]+) ms/m.exec(new TextDecoder().decode(stderr))?.[1];
    if (code !== 0 || phase === undefined) throw new Error(new TextDecoder().decode(stderr));
    if (flags.length === 0) joined.push(Number(phase));
    return took;
  };
  const rounds = quick ? 2 : 9;
  const [whole, without] = (await inTurn([start(), start("--network", "none")], { rounds }))
    .map(median) as [number, number];
  const phase = median(joined.slice(1));
  return [{
    what: "joining a network that is in use, of a container's start",
    ours: ms(phase),
    limit: ms(START_MS),
    kept: phase <= START_MS,
  }, {
    what: "  ctr run busybox true, beside --network none",
    ours: ms(whole),
    peer: ms(without),
    ratio: `${whole < without ? "-" : "+"}${ms(Math.abs(whole - without))}`,
  }];
}

/** From `kill -9` of the network's process to a new connection that is answered. */
async function backRows(home: BenchHome, quick: boolean): Promise<Row[]> {
  const port = Number((await home.ctr("port", "server")).split(":").at(-1));
  const took = median(
    await repeat(async () => {
      const pid = await networkPid(home);
      Deno.kill(pid, "SIGKILL");
      const began = performance.now();
      while (!await answered(port)) {
        if (performance.now() - began > 5 * BACK_MS) throw new Error("the network is not back");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return performance.now() - began;
    }, { rounds: quick ? 1 : 3, warmups: 0 }),
  );
  return [{
    what: "kill -9 of netd → a published port answers again",
    ours: ms(took),
    limit: ms(BACK_MS),
    kept: took <= BACK_MS,
  }];
}

/** One byte there and back. */
function answered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(500, () => end(false));
    socket.once("error", () => end(false)).once("close", () => end(false));
    socket.once("connect", () => socket.write("E1"));
    socket.once("data", () => end(true));
  });
}

async function networkPid(home: BenchHome): Promise<number> {
  const format = ["--format", "{{.status.pid}}"];
  const pid = Number(await home.ctr("network", "inspect", "default", ...format));
  if (!Number.isInteger(pid) || pid <= 1) throw new Error("the network has no process");
  return pid;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}
