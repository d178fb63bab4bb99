import type { Exit, Health, Started } from "../api/mod.ts";
import { CtrError, isDiskFull } from "../core/mod.ts";
import { adoptVm, now, type RunningVm, Stopwatch } from "../vm/mod.ts";
import { Changes } from "./changes.ts";
import { configFileIsRight } from "./config_file.ts";
import { type Context, exists, type Folders, foldersOf, removeFolder } from "./context.ts";
import { eraseContainer } from "./erase.ts";
import { containerEvent, endFacts } from "./container_events.ts";
import { lostExit } from "./exit.ts";
import type { Gate } from "./gate.ts";
import { HostLinks, hostSocketsOf } from "./host_links.ts";
import { planOf } from "./health_plan.ts";
import { UNKNOWN_HEALTH } from "./health_watch.ts";
import { Live } from "./live.ts";
import { Mutex } from "./mutex.ts";
import { rejoinNetworks } from "./networking/join.ts";
import { PortProbe } from "./networking/port_probe.ts";
import { NO_RESTARTS } from "./restart_policy.ts";
import { Restarts } from "./restarts.ts";
import { startVm } from "./start_vm.ts";
import type { ContainerConfig, ContainerRecord } from "./types.ts";

/** How long a container that ended while no engine ran waits for the client that was attached to it. */
const CLIENT_RETURNS_MS = 10_000;

/**
 * What one container goes through by itself: from a start to its end, what follows from the end, and
 * what an engine finds of an earlier one.
 *
 * What changes its life passes through `mutex`. What it is, is derived from what lives.
 */
export class Lifetime {
  readonly id: string;
  readonly folders: Folders;
  readonly mutex = new Mutex();
  readonly changes = new Changes();
  readonly restarts: Restarts;
  readonly #context: Context;
  #live: Live | undefined;
  #links: HostLinks | undefined;
  #probe: PortProbe | undefined;
  #starting = false;
  /** Its names stop resolving when its process has ended, before its VM is gone. */
  #released: Promise<void> = Promise.resolve();
  #removed = false;
  /** Replaced at each start: who waits for an end waits for the one to come. */
  #exited = Promise.withResolvers<Exit>();

  constructor(context: Context, id: string, gate: Gate) {
    this.#context = context;
    this.id = id;
    this.folders = foldersOf(context.home, id);
    const { records, log } = context;
    this.restarts = new Restarts({
      id,
      records,
      log,
      gate,
      again: () => this.mutex.run(() => this.#startAgain()),
      onChange: () => this.#changed(),
    });
  }

  /** Undefined once it was removed. */
  get record(): ContainerRecord | undefined {
    return this.#context.records.get(this.id);
  }

  /** @throws {CtrError} `not-found` once it was removed. */
  get mustRecord(): ContainerRecord {
    const { record } = this;
    if (record) return record;
    throw new CtrError("not-found", `cannot find "${this.id.slice(0, 12)}": it was removed`);
  }

  /** @throws {CtrError} as `mustRecord`. */
  get config(): ContainerConfig {
    return this.mustRecord.config;
  }

  get live(): Live | undefined {
    return this.#live;
  }

  get starting(): boolean {
    return this.#starting;
  }

  get removed(): boolean {
    return this.#removed;
  }

  /** The end of the run that is on. */
  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  /** What lives of it, after a start that is under way. */
  async settled(): Promise<Live | undefined> {
    if (this.#starting || !this.#live) await this.mutex.run(() => Promise.resolve());
    return this.#live;
  }

  emit(action: string, facts?: Readonly<Record<string, string>>): void {
    const config = this.record?.config;
    if (config) this.#context.events.emit(containerEvent(config, action, facts));
  }

  /** As `emit()`, and wakes those who wait for a state. */
  tell(action: string, facts?: Readonly<Record<string, string>>): void {
    this.emit(action, facts);
    this.changes.notify();
  }

  /** Boots it and starts its first process, which is held. The caller has the mutex. */
  async start(beganAt: number, by: "user" | "policy"): Promise<Started> {
    if (this.#live) await this.#tidy(this.#live);
    const watch = new Stopwatch(beganAt);
    watch.add("engine", beganAt, now());
    this.#starting = true;
    this.changes.notify();
    try {
      const record = this.record!;
      const run = record.run + 1;
      const notice = this.#context.hypervisor.notice().catch(() => undefined);
      const { vm, startedMs, links } = await startVm(this.#context, record, watch, () => {
        this.#context.records.update(this.id, { run });
      });
      this.#exited = Promise.withResolvers();
      this.#links = links;
      this.#began(run, startedMs, by);
      this.#live = this.#join(vm, run);
      this.emit("start");
      this.#probePorts();
      const line = await notice;
      return { id: this.id, timing: watch.timing(), notices: line ? [line] : [] };
    } catch (error) {
      this.#context.volumes.detach(this.id);
      await removeFolder(this.folders.vm);
      throw error;
    } finally {
      this.#starting = false;
      this.#changed();
    }
  }

  #began(run: number, atMs: number, by: "user" | "policy"): void {
    const { config, restart = NO_RESTARTS } = this.record!;
    const { cpus, memoryBytes } = config;
    this.#record({
      started: { run, atMs, cpus, memoryBytes },
      exit: undefined,
      restart: by === "user" ? NO_RESTARTS : { ...restart, nextAtMs: undefined, error: undefined },
      health: planOf(config.health) && UNKNOWN_HEALTH,
    });
  }

  async #startAgain(): Promise<void> {
    if (this.#removed || this.#live || !this.restarts.waiting) return;
    await this.start(now(), "policy");
    this.#live!.main.begin();
  }

  /** Begins to follow a VM whose first process was started. */
  #join(vm: RunningVm, run: number, adopted?: { readonly inputTaken: number }): Live {
    const { config, started, health } = this.record!;
    const live: Live = new Live(vm, () => this.record?.config ?? config, {
      run,
      startedMs: started!.atMs,
      logs: this.folders.logs,
      limits: this.#context.logLimits,
      inputTaken: adopted?.inputTaken ?? 0,
      health,
      onProbe: (now, before) => this.#probed(live, now, before),
      onExec: (action, facts) => this.emit(action, facts),
    });
    const joinedMs = now();
    live.main.exit.then((exit) => {
      // Its client has lost the engine, and is about to come back for the end.
      const returning = adopted !== undefined && now() - joinedMs < CLIENT_RETURNS_MS;
      return this.#mainEnded(live, exit, returning ? CLIENT_RETURNS_MS : 0);
    }).catch((error) => {
      this.#context.log.error("the end of a container", { id: this.id, error });
    });
    if (!adopted) live.begin();
    return live;
  }

  /** Written down when there is something new in it: not every probe costs the disk a write. */
  #probed(live: Live, health: Health, before: Health): void {
    if (this.#live !== live || live.ended) return;
    const turned = health.state !== before.state;
    if (turned || health.failingStreak !== before.failingStreak) this.#record({ health });
    if (!turned) return;
    this.emit("health_status", { health_status: health.state });
    this.#changed();
  }

  async #mainEnded(live: Live, exit: Exit, lingerMs: number): Promise<void> {
    live.health?.hold();
    live.ended = exit;
    if (this.#removed) return;
    this.#leaveNetworks();
    this.#context.volumes.ending(this.id);
    const leaves = this.record!.config.autoRemove && !live.again;
    live.discard = leaves && lingerMs === 0;
    if (!live.discard) this.#recordEnd(live, exit);
    this.#emitEnd(exit);
    live.log.wake();
    this.#exited.resolve(exit); // told before the tidying: clients need not wait for it
    this.changes.notify();
    await this.mutex.run(() => this.#tidy(live));
    if (leaves && !live.discard) this.#removeLater(lingerMs);
    else if (!live.again) this.restarts.schedule();
  }

  #probePorts(): void {
    this.#probe?.close();
    this.#probe = new PortProbe({
      id: this.id,
      networks: this.#context.networks,
      onSilent: (port) => {
        this.#context.log.warn("nobody listens at a published port", { id: this.id, port });
        this.emit("silent_port", { port });
      },
    });
  }

  #leaveNetworks(): void {
    this.#probe?.close();
    this.#released = this.#context.networks.release(this.id).catch((error) => {
      this.#context.log.error("leave the networks", { id: this.id, error });
    });
  }

  /** Its end, and what follows from it: an engine that is killed here leaves both or none. */
  #recordEnd(live: Live, exit: Exit): void {
    const atMs = Date.now();
    const { status } = exit;
    const ranMs = atMs - this.record!.started!.atMs;
    this.#record({
      exit: { ...exit, run: live.log.run },
      restart: live.again
        ? { ...NO_RESTARTS, nextAtMs: atMs }
        : this.restarts.following({ status, atMs, ranMs }),
      ...(live.health && { health: live.health.health }),
    });
  }

  #emitEnd(exit: Exit): void {
    for (const { action, facts } of endFacts(exit)) this.emit(action, facts);
  }

  /** A full disk takes no record: what has happened holds for this engine all the same. */
  #record(change: Partial<Omit<ContainerRecord, "config">>): void {
    try {
      this.#context.records.update(this.id, change);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#context.log.error("record what a container did", { id: this.id, error });
    }
  }

  /** Ends the VM of a container that has ended. The caller has the mutex. */
  async #tidy(live: Live): Promise<void> {
    if (this.#live !== live || this.#removed) return;
    if (live.discard) await live.discardVm();
    else if (!live.vm.gone) await live.vm.shutdown(0);
    live.log[Symbol.dispose]();
    await this.#links?.end();
    await this.#released;
    this.#context.volumes.detach(this.id);
    if (live.discard) await this.erase({ volumes: true });
    else await removeFolder(this.folders.vm);
    this.#live = undefined;
    this.#changed();
  }

  #removeLater(ms: number): void {
    setTimeout(() => {
      this.mutex.run(async () => {
        if (this.#live || this.#removed) return;
        await this.erase({ volumes: true });
        this.#changed();
      }).catch(() => {});
    }, ms);
  }

  /** Ends its VM at once, whatever it does. The caller has the mutex and erases it then. */
  async end(live: Live): Promise<void> {
    await live.discardVm();
    this.#exited.resolve(await live.main.exit);
    live.log[Symbol.dispose]();
    await this.#links?.end();
    this.#leaveNetworks();
    await this.#released;
    this.#context.volumes.detach(this.id);
  }

  /** Removes it with all its files. Nothing of it lives. The caller has the mutex. */
  async erase(options: { readonly volumes: boolean }): Promise<void> {
    const { config } = this.record!;
    this.restarts.release();
    this.#removed = true;
    try {
      await eraseContainer(this.#context, config, options);
    } catch (error) {
      if (this.record) this.#removed = false; // it is still there
      throw error;
    }
    this.#live = undefined;
    this.#context.events.emit(containerEvent(config, "destroy"));
    this.#changed();
  }

  #changed(): void {
    this.changes.notify();
    this.#context.onChange();
  }

  /** Finds what an earlier engine left of it. The caller has the mutex. */
  async adopt(): Promise<void> {
    // Without files there is nothing that could be started: it was removed by hand.
    if (!await exists(this.folders.root)) return this.#context.records.delete(this.id);
    await configFileIsRight(this.folders, this.record!.config);
    const { hypervisor, connect } = this.#context;
    const vm = await adoptVm(hypervisor, connect, this.folders.vm);
    const processes = vm ? await vm.guest.processes().catch(() => []) : [];
    const main = processes.find(({ processId }) => processId === this.id);
    const { run, started, exit, config } = this.record!;
    if (vm && main && exit?.run !== run) {
      if (started?.run !== run) {
        this.#began(run, main.startedMs, this.restarts.waiting ? "policy" : "user");
      }
      for (const mount of config.mounts) {
        if (mount.type !== "volume") continue;
        this.#context.volumes.adopt(mount.volume, config, { readonly: mount.readonly });
      }
      const wiring = { folder: this.folders.vm, wire: this.#context.hypervisor.nicWire };
      await rejoinNetworks(this.#context.networks, config, wiring).catch((error) => {
        this.#context.log.error("join the networks again", { id: this.id, error });
      });
      const live = this.#join(vm, run, { inputTaken: main.inputOffset });
      live.main.begin();
      await live.adopt(processes);
      this.#links = new HostLinks(this.#context, vm, config);
      await this.#links.adopt(processes.map(({ processId }) => processId));
      this.#live = live;
      live.begin();
      return;
    }
    if (vm && main) await vm.shutdown(0); // its end was seen: the guest has only to write it down
    else await vm?.kill();
    await hostSocketsOf(this.#context, this.id).remove();
    await removeFolder(this.folders.vm);
    await this.#settle();
  }

  /** Nothing lives: a run without an end was lost, and what removes itself goes. */
  async #settle(): Promise<void> {
    const { started, exit, config } = this.record!;
    if (started && exit?.run !== started.run) {
      const lost = lostExit("the engine was away when it happened");
      const { status } = lost;
      const atMs = Date.now();
      const restart = this.restarts.following({ status, atMs, ranMs: atMs - started.atMs });
      this.#context.records.update(this.id, { exit: { ...lost, run: started.run }, restart });
      this.#emitEnd(lost);
      this.#exited.resolve(lost);
      if (config.autoRemove) return this.#removeLater(CLIENT_RETURNS_MS);
    } else if (exit && config.autoRemove) {
      return await this.erase({ volumes: true });
    }
    await this.restarts.adopt();
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  release(): void {
    this.restarts.release();
    this.#probe?.close();
    this.#links?.release();
    this.#live?.release();
  }
}
