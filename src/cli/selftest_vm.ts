import { join } from "node:path";
import { CTR_VERSION } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import { hostArchitecture } from "../host/mod.ts";
import { chooseHypervisor, type Vm, type VmConfig } from "../hypervisor/mod.ts";
import { connectGuestOf, findGuestAssets, GUEST_PORT } from "../vm/mod.ts";
import { expect, Skipped, type Trial } from "./selftest_trial.ts";

const MIB = 2 ** 20;
const BOOT_MS = 120_000;

/** What a virtual machine must do, without any image. */
export function vmTrials(home: string): Trial[] {
  const bench = new Bench(home);
  return [
    { name: "hypervisor", run: () => bench.facts() },
    { name: "boot", run: () => bench.boot() },
    { name: "console", run: () => bench.console() },
    { name: "streams", run: () => bench.streams() },
    { name: "pause", run: () => bench.pause() },
    { name: "memory", run: () => bench.memory() },
    { name: "adoption", run: () => bench.adoption() },
    { name: "end", run: () => bench.end() },
    { name: "save and restore", run: () => bench.save() },
    { name: "panic", run: () => bench.panic() },
  ];
}

/** One VM for several trials, and others of their own. */
class Bench {
  readonly #home: string;
  #vm: { readonly vm: Vm; readonly config: VmConfig } | undefined;

  constructor(home: string) {
    this.#home = home;
  }

  async facts(): Promise<string> {
    const findings = await this.#hypervisor().doctor();
    const wrong = findings.find(({ ok, name }) => !ok && !/for arm64|for amd64|Rosetta/.test(name));
    const told = findings.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
    expect(wrong === undefined || wrong.name === "accelerator", told);
    return told;
  }

  async boot(): Promise<string> {
    const config = await this.#config();
    const began = performance.now();
    const vm = await this.#hypervisor().start(config);
    const started = performance.now();
    try {
      const guest = await connectGuestOf(CTR_VERSION)(vm, BOOT_MS);
      await guest.setTime(Date.now());
      guest.close();
    } catch (error) {
      await vm.kill();
      throw error;
    }
    this.#vm = { vm, config };
    const [monitor, answer] = [started - began, performance.now() - started];
    return `VM ready in ${monitor.toFixed(0)} ms, vminitd answered after ${
      answer.toFixed(0)
    } ms more`;
  }

  async console(): Promise<string> {
    const { config } = this.#running();
    const text = await Deno.readTextFile(config.console).catch(() => "");
    expect(
      text.includes("vminitd ready"),
      `the boot log holds ${text.length} characters without it`,
    );
    return "the guest's words are in the boot log";
  }

  async streams(): Promise<string> {
    const { vm } = this.#running();
    for (let n = 0; n < 20; n++) {
      (await vm.connect(GUEST_PORT, { deadlineMs: 5000 })).destroy();
    }
    return "20 connections, one after the other";
  }

  async pause(): Promise<string> {
    const { vm } = this.#running();
    await vm.pause();
    await vm.resume();
    const guest = await connectGuestOf(CTR_VERSION)(vm, 10_000);
    guest.close();
    return "the guest answers after it";
  }

  async memory(): Promise<string> {
    const { vm, config } = this.#running();
    const before = await vm.footprintBytes();
    await vm.balloon(config.memoryBytes / 2);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const after = await vm.footprintBytes();
    await vm.balloon(config.memoryBytes);
    return `monitor ${formatSize(before)}, ${formatSize(after)} with the guest at half its memory`;
  }

  async adoption(): Promise<string> {
    const { vm, config } = this.#running();
    vm.release();
    const adopted = await this.#hypervisor().adopt(config.folder);
    expect(adopted !== undefined, "a VM that was let go is not found");
    this.#vm = { vm: adopted, config };
    const guest = await connectGuestOf(CTR_VERSION)(adopted, 10_000);
    guest.close();
    return "a new engine finds the VM and reaches its guest";
  }

  async end(): Promise<string> {
    const { vm, config } = this.#running();
    this.#vm = undefined;
    await vm.stop(10_000);
    const { how } = await vm.wait();
    expect(how === "stopped", "it counts as failed");
    expect(await this.#hypervisor().adopt(config.folder) === undefined, "it lives on");
    await Deno.remove(config.folder, { recursive: true });
    return "nothing is left";
  }

  async save(): Promise<string> {
    if (!(await this.#hypervisor().features()).save) throw new Skipped("this driver cannot");
    const config = await this.#config();
    const saved = join(config.folder, "saved");
    const vm = await this.#hypervisor().start(config);
    try {
      (await connectGuestOf(CTR_VERSION)(vm, BOOT_MS)).close();
      await vm.pause();
      await vm.save(saved);
    } finally {
      await vm.stop(10_000);
    }
    const began = performance.now();
    const next = await this.#config();
    const again = await this.#hypervisor().start({ ...next, restore: saved });
    try {
      (await connectGuestOf(CTR_VERSION)(again, BOOT_MS)).close();
      const { size } = await Deno.stat(saved);
      return `${formatSize(size)}, back after ${(performance.now() - began).toFixed(0)} ms`;
    } finally {
      await again.kill();
      for (const { folder } of [config, next]) await Deno.remove(folder, { recursive: true });
    }
  }

  /** A guest whose kernel gives up must end, and not boot again and again. */
  async panic(): Promise<string> {
    const config = await this.#config();
    const vm = await this.#hypervisor().start({ ...config, kernelArguments: ["init=/nowhere"] });
    const late = setTimeout(() => void vm.kill(), BOOT_MS);
    try {
      const exit = await vm.wait();
      expect(exit.how === "failed", "it did not end by itself");
      return exit.reason;
    } finally {
      clearTimeout(late);
      await vm.kill();
      await Deno.remove(config.folder, { recursive: true });
    }
  }

  #hypervisor() {
    return chooseHypervisor({ stateFolder: `${this.#home}/run` });
  }

  #running() {
    if (!this.#vm) throw new Skipped("no VM runs");
    return this.#vm;
  }

  async #config(): Promise<VmConfig> {
    const architecture = hostArchitecture();
    const folder = await Deno.makeTempDir({ prefix: "ctr-selftest-" });
    return {
      id: `selftest-${crypto.randomUUID().slice(0, 8)}`,
      folder,
      architecture,
      ...await findGuestAssets(architecture),
      kernelArguments: [],
      disks: [],
      nics: [],
      cpus: 1,
      memoryBytes: 256 * MIB,
      console: join(folder, "console"),
    };
  }
}
