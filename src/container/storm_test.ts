import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CtrError } from "../core/mod.ts";
import type { Containers } from "./containers.ts";
import { Home, process, request, settled, until } from "./fake_home.ts";

const NAMES = ["a", "b", "c", "d"];
const CLIENTS = 6;
const OPERATIONS = 80;

/** The same numbers at every run: a storm that found something can be had again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** One of all that may be asked, of one of a few names. */
function operation(containers: Containers, pick: (below: number) => number): Promise<unknown> {
  const name = NAMES[pick(NAMES.length)]!;
  const other = NAMES[pick(NAMES.length)]!;
  const of = () => containers.get(name);
  const restart = {
    name: (["no", "always", "unless-stopped"] as const)[pick(3)]!,
    maximumRetries: 0,
  };
  const all: (() => Promise<unknown>)[] = [
    () => containers.create(request(["sleep"], { name, restart })),
    () => containers.create(request(["exit", "1"], { name, restart })),
    () => containers.create(request(["stubborn"], { name, autoRemove: pick(2) === 0 })),
    () => of().start(),
    () => of().start(),
    () => of().stop(undefined, 5),
    () => of().restart(undefined, 5),
    () => of().kill("TERM"),
    () => of().kill("KILL"),
    () => of().pause(),
    () => of().unpause(),
    () => of().remove(pick(2) === 0),
    () => containers.rename(name, other),
    () => of().update({ pidsLimit: 10 + pick(9), restart }),
    () => of().exec(process("echo", "x"), true),
    () => of().describe(),
    () => of().waitFor({ for: "stopped", timeoutMs: 3 }),
    () => of().waitFor({ for: "running", timeoutMs: 3 }),
  ];
  return Promise.resolve().then(all[pick(all.length)]!);
}

/** What holds at every moment when nothing is under way. */
async function invariants(home: Home, containers: Containers): Promise<void> {
  const ids = containers.list().map((each) => each.record.config.id).sort();
  const folders = [...Deno.readDirSync(join(home.path, "containers"))].map((each) => each.name);
  assert.deepEqual(folders.sort(), ids, "a folder for each record, a record for each folder");
  const db = new DatabaseSync(join(home.path, "state.db"));
  const rows = db.prepare("SELECT id, name, config FROM containers ORDER BY id").all();
  db.close();
  assert.deepEqual(rows.map(({ id }) => id), ids, "what is remembered is what is written");
  for (const container of containers.list()) {
    const { config } = container.record;
    const row = rows.find(({ id }) => id === config.id)!;
    assert.equal(row.name, config.name);
    const file = await Deno.readTextFile(join(home.path, "containers", config.id, "config.json"));
    assert.deepEqual(JSON.parse(file), JSON.parse(row.config as string));
    const lives = home.hypervisor.vms.has(join(home.path, "containers", config.id, "vm"));
    const { state } = container;
    assert.equal(lives, state === "running" || state === "paused", `${config.name} is ${state}`);
  }
  assert(home.hypervisor.vms.size <= ids.length, "no VM without a container");
}

for (const seed of [1, 7, 1234, Number(Deno.env.get("CTR_STORM_SEED") ?? 99)]) {
  Deno.test(`clients that do everything to the same names never deadlock: storm ${seed}`, async () => {
    await using home = await Home.make();
    let containers = await home.open();
    const told = new Map<string, number>();
    const client = async (number: number) => {
      const pick = numbers(seed * 100 + number);
      for (let count = 0; count < OPERATIONS; count++) {
        try {
          await operation(containers, pick);
        } catch (error) {
          if (!(error instanceof CtrError) && !/^no such/.test((error as Error).message)) {
            throw error;
          }
          const code = error instanceof CtrError ? error.code : "guest";
          told.set(code, (told.get(code) ?? 0) + 1);
        }
      }
    };
    const late = setTimeout(() => Deno.exit(3), 60_000); // a deadlock is a failure, not a hang
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
    clearTimeout(late);
    const expected = [
      "invalid-state",
      "not-found",
      "exists",
      "timeout",
      "conflict",
      "guest",
      "usage",
    ];
    assert.deepEqual([...told.keys()].filter((code) => !expected.includes(code)), []);
    for (const each of containers.list()) await each.update({ restart: NO }).catch(() => {});
    await until("rest", () => containers.list().every(({ state }) => REST.includes(state)));
    await settled();
    await invariants(home, containers);
    containers.release();
    containers = await home.open();
    await settled();
    await invariants(home, containers);
    for (const each of containers.list()) await each.remove(true);
    assert.equal(home.hypervisor.vms.size, 0);
    assert.deepEqual([...Deno.readDirSync(join(home.path, "containers"))], []);
  });
}

const NO = { name: "no", maximumRetries: 0 } as const;
const REST = ["created", "running", "paused", "exited"];
