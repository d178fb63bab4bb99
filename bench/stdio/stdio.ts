/**
 * 1 GiB from a container through `ctr run` to a pipe: whole, quick, in constant memory. Beside it the
 * transport alone: a guest of the same kind whose vminitd writes zeros to its connection.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { Guests } from "../start/vms.ts";
import { alternate, median, mib, printTable } from "../table.ts";
import { watchMemory } from "./memory.ts";
import { receive } from "./receive.ts";

const MIB = 1048576;
/** Of chance, so that a byte lost, doubled or moved shows; the stream repeats it. */
const PIECE = 8 * MIB;
const RATE_LIMIT = 0.5;
const GROWTH_LIMIT = 64 * MIB;
const RAW_PORT = 1024;
const DEADLINE_MS = 60_000;

/** Made before the stream begins and read from memory. Its checksum comes first, as 64 digits. */
const MAKE_PIECE = `head -c ${PIECE} /dev/urandom > /dev/shm/piece`;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const total = (quick ? 128 : 1024) * MIB;
  await using home = await BenchHome.open();
  await using guests = await Guests.open();
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  await home.ctr("run", "--rm", BUSYBOX, "true"); // the engine is warm from here on
  const growths: number[] = [];
  const { a, b } = await alternate(
    () => containerRate(home, total, growths),
    () => rawRate(guests, total),
    { rounds: quick ? 1 : 3, warmups: 0 },
  );
  const [ours, raw] = [median(a), median(b)];
  const inGuest = await guestRates(home, Math.min(total, 256 * MIB));
  const growth = Math.max(...growths);
  console.log(`accelerator: ${guests.accelerator}`);
  return printTable([{
    what: `container → ctr run → pipe, ${mib(total)} arrived whole; beside the transport alone`,
    ours: `${mib(ours)}/s`,
    peer: `${mib(raw)}/s`,
    ratio: `${(ours / raw).toFixed(2)}×`,
    limit: `≥ ${RATE_LIMIT}×`,
    kept: ours >= RATE_LIMIT * raw,
  }, {
    what: "memory of engine and CLI, growth from the first byte to the most",
    ours: mib(growth),
    limit: mib(GROWTH_LIMIT),
    kept: growth <= GROWTH_LIMIT,
  }, {
    what: "in the guest, without ctr: cat > /dev/null",
    ours: `${mib(inGuest.file)}/s`,
  }, {
    what: "in the guest, without ctr: cat | cat > /dev/null",
    ours: `${mib(inGuest.pipe)}/s`,
  }]);
}

/**
 * @returns Bytes a second from the first to the last.
 * @throws {Error} If a byte is not the one that was sent.
 */
async function containerRate(home: BenchHome, total: number, growths: number[]): Promise<number> {
  const child = home.spawn(["run", "--rm", BUSYBOX, "sh", "-c", script(total)]);
  const problem = new Response(child.stderr).text();
  using memory = watchMemory([child.pid, await home.enginePid()]);
  const { head, piece, bytes, seconds } = await receive(child.stdout, {
    headBytes: 64,
    pieceBytes: PIECE,
    totalBytes: total,
    began: () => memory.begin(),
  });
  const { code } = await child.status;
  growths.push(memory.growthBytes);
  if (code !== 0 || bytes !== total) {
    throw new Error(`status ${code}, ${bytes} of ${total} bytes: ${await problem}`);
  }
  const digest = createHash("sha256").update(piece).digest("hex");
  const told = new TextDecoder().decode(head);
  if (digest !== told) throw new Error(`the first ${PIECE} bytes are ${digest}, not ${told}`);
  return bytes / seconds;
}

function script(total: number): string {
  return `${MAKE_PIECE} && printf %.64s "$(sha256sum /dev/shm/piece)" && ${cat(total)}`;
}

/** One program that reads the piece many times: starting as many programs would be measured too. */
function cat(total: number): string {
  return `cat $(yes /dev/shm/piece | head -n ${total / PIECE})`;
}

/** The same reader at the other end of the guest's port; no container, no engine, no CLI. */
async function rawRate(guests: Guests, total: number): Promise<number> {
  const options = { kernelArguments: [`ctr.raw=${total}`] };
  return await guests.measure(guests.bootDisk, async (vm) => {
    const stream = await vm.connect(RAW_PORT, { deadlineMs: DEADLINE_MS });
    const { bytes, seconds } = await receive(stream, { pieceBytes: PIECE, totalBytes: total });
    if (bytes !== total) throw new Error(`${bytes} of ${total} bytes came from the bare guest`);
    return bytes / seconds;
  }, options);
}

/** What the guest itself can do, by its own clock: no transport can be quicker. */
async function guestRates(
  home: BenchHome,
  total: number,
): Promise<{ file: number; pipe: number }> {
  const clock = "cut -d' ' -f1 /proc/uptime";
  const read = cat(total);
  const text = await home.ctr(
    ...["run", "--rm", BUSYBOX, "sh", "-c"],
    `${MAKE_PIECE}; ${clock}; ${read} > /dev/null; ${clock}; ${read} | cat > /dev/null; ${clock}`,
  );
  const [began = 0, between = 0, ended = 0] = text.split("\n").map(Number);
  return { file: total / (between - began), pipe: total / (ended - between) };
}
