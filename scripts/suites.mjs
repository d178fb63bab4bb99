// node scripts/suites.mjs [--only TEXT] checks|unit|system...: runs groups of suites, says how each went, and sums
// up. Used by scripts/ok and scripts/test, which prepare what the suites need.
//
// The last line of standard output is `N passed, N failed` or `N passed, N failed, N skipped`, and nothing else.
// System suites run two at a time, the longest first: each waits a good part of its time for a guest. Those that hold
// something to a time of the clock run alone, behind the others.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const deno = process.env.CTR_DENO;
const scratch = mkdtempSync(join(tmpdir(), "ctr-suites-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const args = process.argv.slice(2);
const only = args[0] === "--only" ? args.splice(0, 2)[1] : "";
/** Suites whose tests look at the clock. */
const ALONE = ["tests/kernel", "tests/engine"];
const groups = { checks, unit, system };
const children = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const end of children) end("SIGKILL");
    process.exit(130);
  });
}

const totals = { passed: 0, failed: 0, skipped: [], failures: [] };

for (const group of args) {
  await runGroup(groups[group]().filter(({ name }) => name.includes(only)));
}
for (const { suite, test, reason } of totals.skipped) {
  console.log(`SKIPPED ${suite}: ${test}${reason ? `: ${reason}` : ""}`);
}
for (const { suite, test } of totals.failures) console.log(`FAILED  ${suite}: ${test}`);
if (totals.passed + totals.failed === 0) {
  console.log("FAILED  no test ran");
  totals.failed = 1;
}
const skipped = totals.skipped.length > 0 ? `, ${totals.skipped.length} skipped` : "";
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed > 0 ? 1 : 0;

/** Suites with `lane` run beside one another, two at a time; the others one after the other, behind those. */
async function runGroup(suites) {
  const together = suites.filter(({ lane }) => lane).sort((a, b) => weight(b) - weight(a));
  const lanes = Array.from({ length: 2 }, async () => {
    for (let suite; (suite = together.shift());) await runSuite(suite);
  });
  await Promise.all(lanes);
  for (const suite of suites) if (!suite.lane) await runSuite(suite);
}

/** Seconds that a suite took alone, so that a long one is not begun last. */
function weight({ name }) {
  return {
    "tests/run": 250,
    "tests/compat": 130,
    "tests/build": 120,
    "tests/soak": 80,
    "tests/ffi": 60,
  }[name] ?? 30;
}

/** Static checks; each counts as one test. */
function checks() {
  const check = (name, ...command) => ({ name, command, seconds: 300, read: readCheck });
  const typescript = ["main.ts", "src", "tests", "bench"].filter((path) =>
    path.endsWith(".ts") ? existsSync(path) : holds(path, ".ts")
  );
  const suites = [
    check("deno fmt", deno, "fmt", "--check"),
    check("deno lint", deno, "lint", "--quiet"),
    check("deno check", deno, "check", "--quiet", ...typescript),
    check("deno.lock is complete", deno, "install", "--quiet", "--frozen"),
  ];
  for (const module of goModules()) {
    suites.push(
      check(
        `gofmt ${module}`,
        "sh",
        "-c",
        `unformatted=$(gofmt -l ${module}) && [ -z "$unformatted" ] || { echo "$unformatted"; exit 1; }`,
      ),
    );
    suites.push(check(`go vet ${module}`, "go", "-C", module, "vet", "./..."));
  }
  if (existsSync("scripts/proto")) {
    suites.push(check("generated code is fresh", "scripts/proto", "--check"));
  }
  return suites;
}

/** What stands beside the code it tests, and the rules of the repository. */
function unit() {
  const suites = folders("src").map((folder) => denoSuite(folder, 600));
  if (existsSync("tests/rules")) suites.push(denoSuite("tests/rules", 120));
  for (const module of goModules()) {
    suites.push({
      name: module,
      command: ["go", "-C", module, "test", "-json", "./..."],
      seconds: 900,
      read: readGo,
    });
  }
  return suites;
}

/** What needs kernels, QEMU, the registry and the built program. */
function system() {
  return folders("tests").filter((folder) => folder !== "tests/rules").map((folder) => ({
    ...denoSuite(folder, 1800),
    lane: !ALONE.includes(folder),
  }));
}

function denoSuite(folder, seconds) {
  const report = join(scratch, `${folder.replaceAll("/", "-")}.xml`);
  return {
    name: folder,
    command: [
      deno,
      "test",
      "-A",
      "--no-check",
      "--frozen=false",
      `--junit-path=${report}`,
      `${folder}/`,
    ],
    seconds,
    read: (run) => readJunit(report, run),
  };
}

function folders(parent) {
  const names = existsSync(parent) ? readdirSync(parent).sort() : [];
  return names.map((name) => `${parent}/${name}`)
    .filter((path) => statSync(path).isDirectory() && holds(path, "_test.ts"));
}

function holds(folder, ending) {
  return existsSync(folder) &&
    readdirSync(folder, { recursive: true }).some((path) => path.endsWith(ending));
}

function goModules() {
  return ["guest", "netd"].filter((folder) => existsSync(`${folder}/go.mod`));
}

async function runSuite(suite) {
  const began = Date.now();
  const seconds = () => ((Date.now() - began) / 1000).toFixed(1);
  const ticker = setInterval(
    () => console.log(`      ${suite.name}: still running after ${seconds()} s`),
    30_000,
  );
  const run = await runCommand(suite.command, suite.seconds);
  clearInterval(ticker);
  const result = suite.read(run);
  // A suite that ends badly without a failing test did not get as far as its tests, or not to their end.
  if (run.status !== 0 && result.failures.length === 0) {
    result.failures.push(
      run.late ? `not done after ${suite.seconds} s` : `exit status ${run.status}`,
    );
  }
  const ok = result.failures.length === 0;
  if (!ok) {
    console.log(
      `${"-".repeat(30)} ${suite.name}: output\n${result.output ?? run.output}${"-".repeat(30)}`,
    );
  }
  const skips = result.skipped.length > 0 ? `, ${result.skipped.length} skipped` : "";
  console.log(
    `${ok ? "ok   " : "FAIL "} ${
      suite.name.padEnd(26)
    } ${result.passed} passed, ${result.failures.length} failed${skips} (${seconds()} s)`,
  );
  totals.passed += result.passed;
  totals.failed += result.failures.length;
  totals.failures.push(...result.failures.map((test) => ({ suite: suite.name, test })));
  totals.skipped.push(...result.skipped.map((skip) => ({ suite: suite.name, ...skip })));
}

/** Runs in a process group of its own, so that the deadline ends what it started too. */
function runCommand([program, ...rest], seconds) {
  return new Promise((resolve) => {
    const chunks = [];
    let late = false;
    const child = spawn(program, rest, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch { /* it has ended */ }
    };
    children.add(end);
    const timer = setTimeout(() => {
      late = true;
      end("SIGTERM");
      setTimeout(() => end("SIGKILL"), 5000).unref();
    }, seconds * 1000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => chunks.push(chunk));
    }
    const done = (status) => {
      clearTimeout(timer);
      children.delete(end);
      resolve({ status, late, output: Buffer.concat(chunks).toString() });
    };
    child.on("error", (error) => (chunks.push(Buffer.from(`${error.message}\n`)), done(127)));
    // Not "close": a process that the suite left behind may hold the pipe open.
    child.on("exit", (status, signal) => setTimeout(done, 50, signal ? 1 : status));
  });
}

function readCheck(run) {
  return { passed: run.status === 0 ? 1 : 0, failures: [], skipped: [] };
}

function readJunit(path, _run) {
  const result = { passed: 0, failures: [], skipped: [] };
  if (!existsSync(path)) return result;
  const text = readFileSync(path, "utf8");
  rmSync(path);
  for (
    const [, name, body] of text.matchAll(/<testcase name="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)
  ) {
    const test = name.replace(
      /&(gt|lt|amp|quot|#39|apos);/g,
      (_, c) => ({ gt: ">", lt: "<", amp: "&", quot: '"' })[c] ?? "'",
    );
    if (body.includes("<skipped/>")) result.skipped.push({ test, reason: "" });
    else if (/<(failure|error)\b/.test(body)) result.failures.push(test);
    else result.passed++;
  }
  return result;
}

/** `go test -json`: an object per line; lines that are none come from the compiler. */
function readGo(run) {
  const result = { passed: 0, failures: [], skipped: [], output: "" };
  const outputs = new Map();
  for (const line of run.output.split("\n")) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      if (line) result.output += `${line}\n`;
      continue;
    }
    const test = event.Test ? `${event.Package} ${event.Test}` : event.Package ?? event.ImportPath;
    if (event.Output) outputs.set(test, (outputs.get(test) ?? "") + event.Output);
    if (event.Action === "fail") {
      result.output += outputs.get(test) ?? "";
      if (event.Test || event.FailedBuild) result.failures.push(test);
    } else if (event.Action === "build-output") {
      result.output += event.Output;
    } else if (event.Test && event.Action === "pass") {
      result.passed++;
    } else if (event.Test && event.Action === "skip") {
      const reason = outputs.get(test)?.match(/_test\.go:\d+: (.*)/)?.[1] ?? "";
      result.skipped.push({ test, reason });
    }
  }
  return result;
}
