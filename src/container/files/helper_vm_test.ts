import assert from "node:assert/strict";
import type { Guest, RunningVm } from "../../vm/mod.ts";
import { Mutex } from "../mutex.ts";
import { HelperVm } from "./helper_vm.ts";
import type { FileOwner } from "./owner.ts";

/** A container that is stopped, and what was done to its VMs. */
class Stand {
  readonly log: string[] = [];
  readonly mutex = new Mutex();
  state: FileOwner["state"] = "exited";
  booting: Promise<unknown> = Promise.resolve();
  readonly helper: HelperVm;

  constructor(folder: string) {
    const owner = {
      record: { config: { name: "box" } },
      folders: { vm: `${folder}/vm` },
      runningVm: () => Promise.resolve(undefined),
      exclusive: (work: (asked: Promise<void>) => Promise<unknown>) => this.mutex.run(work),
    };
    Object.defineProperty(owner, "state", { get: () => this.state });
    this.helper = new HelperVm(owner as unknown as FileOwner, async (spawned) => {
      this.log.push("boot");
      const ended = Promise.withResolvers<void>();
      const end = (how: string) => {
        this.log.push(how);
        vm.gone = true;
        ended.resolve();
        return Promise.resolve();
      };
      const vm = {
        guest: {} as Guest,
        gone: false,
        ended: ended.promise,
        shutdown: () => vm.gone ? Promise.resolve() : end("shutdown"),
      };
      spawned({ kill: () => end("kill") });
      await this.booting;
      return vm as unknown as RunningVm;
    });
  }
}

async function stand(work: (stand: Stand) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-helper-" });
  try {
    await work(new Stand(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("HelperVm serves all who come at once with one VM, and a start waits for its end", () =>
  stand(async ({ helper, mutex, log }) => {
    const first = Promise.withResolvers<void>();
    const users = [
      helper.use(() => first.promise.then(() => log.push("first"))),
      helper.use(() => Promise.resolve(log.push("second"))),
    ];
    await users[1];
    assert.equal(helper.active, true);
    const start = mutex.run(() => Promise.resolve(log.push("start")));
    first.resolve();
    await Promise.all([...users, start]);
    assert.deepEqual(log, ["boot", "second", "first", "shutdown", "start"]);
    assert.equal(helper.active, false);
  }));

Deno.test("HelperVm waits a moment for the next one, but not when somebody else waits", () =>
  stand(async ({ helper, mutex, log }) => {
    await helper.use(() => Promise.resolve());
    await helper.use(() => Promise.resolve());
    assert.deepEqual(log, ["boot"], "the same VM");
    const began = performance.now();
    await mutex.run(() => Promise.resolve());
    assert.ok(performance.now() - began < 1000);
    await helper.use(() => Promise.resolve());
    await mutex.run(() => Promise.resolve());
    assert.deepEqual(log, ["boot", "shutdown", "boot", "shutdown"]);
  }));

Deno.test("HelperVm does nothing where the container runs by then", () =>
  stand(async (stand) => {
    stand.state = "running";
    assert.equal(await stand.helper.use(() => Promise.resolve(1)), undefined);
    assert.deepEqual(stand.log, []);
  }));

Deno.test("HelperVm tells all of a boot that failed, and of work that did", () =>
  stand(async (stand) => {
    stand.booting = Promise.reject(new Error("no memory"));
    stand.booting.catch(() => {}); // until it is asked for
    const users = [1, 2].map(() => stand.helper.use(() => Promise.resolve()));
    for (const user of users) await assert.rejects(user, /no memory/);
    stand.booting = Promise.resolve();
    await assert.rejects(stand.helper.use(() => Promise.reject(new Error("full"))), /full/);
    await stand.mutex.run(() => Promise.resolve());
    assert.deepEqual(stand.log.at(-1), "shutdown");
  }));

Deno.test("HelperVm ends its VM with the engine, even while its guest boots", () =>
  stand(async (stand) => {
    const booting = Promise.withResolvers<void>();
    stand.booting = booting.promise;
    const user = stand.helper.use(() => Promise.resolve());
    while (stand.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await stand.helper.release();
    booting.reject(new Error("its VM has ended"));
    await assert.rejects(user, /ended/);
    assert.deepEqual(stand.log, ["boot", "kill"]);
  }));
