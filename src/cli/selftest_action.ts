import { CTR_VERSION } from "../api/mod.ts";
import {
  hostArchitecture,
  hostCpus,
  hostMemoryBytes,
  hostSystem,
  kernelRelease,
} from "../host/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { containerTrials } from "./selftest_containers.ts";
import { hostTrials } from "./selftest_host.ts";
import { Skipped, type Trial } from "./selftest_trial.ts";
import { vmTrials } from "./selftest_vm.ts";

interface Result {
  readonly name: string;
  readonly result: "ok" | "FAILED" | "skipped";
  readonly fact: string;
  readonly tookMs: number;
}

const TRIAL_MS = 180_000;

/**
 * Tries one thing after the other and prints a report that can be pasted into an issue. A trial that fails does
 * not end the others. Ends with 1 if one failed.
 */
export async function selftest(
  app: App,
  flags: { readonly format: string; readonly image?: string },
): Promise<void> {
  const results: Result[] = [];
  const home = await app.home();
  for (const trial of [...hostTrials(), ...vmTrials(home), ...containerTrials(flags.image)]) {
    if (app.stderr.isTerminal) app.stderr.line(`${trial.name} …`);
    results.push(await judge(trial));
  }
  if (results.some(({ result }) => result === "FAILED")) app.exitStatus = 1;
  if (flags.format === "json") return app.stdout.line(JSON.stringify(results));
  app.stdout.write(report(results));
}

async function judge({ name, run }: Trial): Promise<Result> {
  const began = performance.now();
  const settle = (result: Result["result"], fact: string): Result => ({
    name,
    result,
    fact: fact.replace(/\s+/g, " ").trim(),
    tookMs: Math.round(performance.now() - began),
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not done after ${TRIAL_MS / 1000}s`)),
    TRIAL_MS,
  );
  try {
    return settle("ok", await Promise.race([run(), late.promise]));
  } catch (error) {
    if (error instanceof Skipped) return settle("skipped", error.message);
    return settle("FAILED", error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

function report(results: readonly Result[]): string {
  const host = `${hostSystem()} ${kernelRelease()}, ${hostArchitecture()}, ${hostCpus()} CPUs, ${
    formatSize(hostMemoryBytes())
  }`;
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.map(({ name, result, fact, tookMs }) =>
    `${result.padEnd(7)}  ${name.padEnd(width)}  ${fact}${
      result === "skipped" ? "" : ` (${tookMs} ms)`
    }`
  );
  const by = hostSystem() === "darwin" ? BY_HAND : [];
  return [
    "### ctr doctor --selftest",
    "",
    "```text",
    `ctr ${CTR_VERSION} on ${host}`,
    ...lines,
    ...by,
    "```",
    "",
  ]
    .join("\n");
}

/** What nobody can try but the person at the machine. */
const BY_HAND = [
  "",
  "by hand, please add what you saw:",
  "  sleep     ctr run -d --name nap alpine sleep 1d; let the Mac sleep ten minutes; ctr exec nap date",
  "  login     ctr registry login ghcr.io: did the system ask for the keychain, and once only?",
  "  privacy   ctr run --rm -v ~/Desktop:/d alpine ls /d: did the system ask, and for which program?",
  "  memory    ctr run a program that takes 4 GB and ends; does Activity Monitor show it given back?",
];
