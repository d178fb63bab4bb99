/**
 * How long a start takes: of a guest alone and of `ctr run`, beside a guest of the same kernel and
 * devices whose init is next to nothing.
 *
 * @module
 */
import { BUSYBOX } from "../../tests/run/ctr_home.ts";
import { BenchHome } from "../cli/bench_home.ts";
import { alternate, inTurn, median, ms, printTable, ratio, type Row, timed } from "../table.ts";
import { Guests, untilHello, untilLine } from "./vms.ts";

const GUEST_LIMIT = 1.15;
const ADDED_MS = 350;
const COLD_MS = 300;
const KVM_MS = 500;
const MANY = 10;
const MANY_LIMIT = 0.9;

/** @returns False when a promise is broken. */
export async function run(args: string[]): Promise<boolean> {
  const quick = args.includes("--quick");
  const rounds = { rounds: quick ? 3 : 11 };
  await using home = await BenchHome.open();
  await using guests = await Guests.open();
  await home.ctr("pull", "--progress", "none", BUSYBOX);
  const ctrRun = () => home.ctr("run", "--rm", BUSYBOX, "true");
  const rows = [
    ...await againstReference(guests, timed(ctrRun), rounds),
    await coldAgainstWarm(home, timed(ctrRun), rounds),
    await together(ctrRun, { rounds: quick ? 1 : 3, warmups: 0 }),
  ];
  console.log(`accelerator: ${guests.accelerator}`);
  return printTable(rows);
}

async function againstReference(
  guests: Guests,
  ctrRun: () => Promise<number>,
  rounds: { rounds: number },
): Promise<Row[]> {
  const [guest, bare, whole] = (await inTurn([
    () => guests.measure(guests.bootDisk, untilHello),
    () => guests.measure(guests.reference, untilLine),
    ctrRun,
  ], rounds)).map(median) as [number, number, number];
  const rows = [{
    what: "monitor start → vminitd's answer, beside a bare guest",
    ours: ms(guest),
    peer: ms(bare),
    ratio: ratio(guest, bare),
    limit: `${GUEST_LIMIT}×`,
    kept: guest <= GUEST_LIMIT * bare,
  }, {
    what: "ctr run --rm busybox true, engine warm, beside a bare guest",
    ours: ms(whole),
    peer: ms(bare),
    ratio: `+${ms(whole - bare)}`,
    limit: `+${ADDED_MS} ms`,
    kept: whole - bare <= ADDED_MS,
  }];
  if (guests.accelerator === "kvm") {
    rows.push({
      what: "ctr run --rm busybox true, engine warm, with KVM",
      ours: ms(whole),
      peer: "",
      ratio: "",
      limit: `${KVM_MS} ms`,
      kept: whole <= KVM_MS,
    });
  }
  return rows;
}

async function coldAgainstWarm(
  home: BenchHome,
  ctrRun: () => Promise<number>,
  rounds: { rounds: number },
): Promise<Row> {
  const { a, b } = await alternate(
    async () => {
      await home.ctr("system", "stop"); // waits until the engine's process has ended
      return await ctrRun();
    },
    ctrRun,
    rounds,
  );
  const [cold, warm] = [median(a), median(b)];
  return {
    what: "the same with the engine to be started, beside the engine warm",
    ours: ms(cold),
    peer: ms(warm),
    ratio: `+${ms(cold - warm)}`,
    limit: `+${COLD_MS} ms`,
    kept: cold - warm <= COLD_MS,
  };
}

async function together(
  ctrRun: () => Promise<unknown>,
  rounds: { rounds: number; warmups: number },
): Promise<Row> {
  await ctrRun(); // the engine is warm from here on
  const { a, b } = await alternate(
    timed(() => Promise.all(Array.from({ length: MANY }, ctrRun))),
    timed(async () => {
      for (let count = 0; count < MANY; count++) await ctrRun();
    }),
    rounds,
  );
  const [atOnce, oneByOne] = [median(a), median(b)];
  return {
    what: `${MANY} ctr run --rm at once, beside one after another`,
    ours: ms(atOnce),
    peer: ms(oneByOne),
    ratio: ratio(atOnce, oneByOne),
    limit: `${MANY_LIMIT}×`,
    kept: atOnce <= MANY_LIMIT * oneByOne,
  };
}
