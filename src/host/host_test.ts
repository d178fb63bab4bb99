import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  connectUnix,
  ctrHome,
  findDaemon,
  isAlive,
  killDaemon,
  processStart,
  shortSocketPath,
  startDaemon,
  tscKhz,
} from "./mod.ts";
import { parseStat } from "./process_facts.ts";

Deno.test("ctrHome() is CTR_HOME, else the system's place", () => {
  assert.equal(ctrHome({ CTR_HOME: "/x/y/" }), "/x/y");
  assert.throws(() => ctrHome({ CTR_HOME: "x" }), /absolute/);
  assert.throws(() => ctrHome({}), /HOME is not set/);
});

Deno.test("parseStat() counts fields from the last parenthesis", () => {
  const rest = Array.from({ length: 50 }, (_, at) => at + 3);
  assert.deepEqual(parseStat(`42 (a) b (c) S ${rest.slice(1).join(" ")}`), {
    pid: 42,
    state: "S",
    ticks: "22",
  });
});

Deno.test("tscKhz() is known only where the clock cannot scale", () => {
  const cpuinfo = "flags\t: fpu constant_tsc\ncpu MHz\t\t: 2596.156\n";
  assert.equal(tscKhz(cpuinfo, false), 2596156);
  assert.equal(tscKhz(cpuinfo, true), undefined);
  assert.equal(tscKhz(cpuinfo + "cpu MHz\t\t: 800.000\n", false), undefined);
  assert.equal(tscKhz("", false), undefined);
});

Deno.test("a daemon has its own session, is found by its folder, and is gone when killed", async () => {
  await using folder = await temporaryFolder();
  const daemon = await startDaemon({
    folder: folder.path,
    name: "d",
    command: "sleep",
    args: ["60"],
  });
  const stat = await Deno.readTextFile(`/proc/${daemon.pid}/stat`);
  assert.equal(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3], String(daemon.pid));
  const started = daemon.start;
  await whileMissing(join(folder.path, "d.claim"));
  const found = await findDaemon(folder.path, "d");
  assert.deepEqual(found, { pid: daemon.pid, start: started });
  await killDaemon(found!, 5000);
  await daemon.status;
  assert.equal(await isAlive(daemon.pid, started), false);
  assert.equal(await findDaemon(folder.path, "d"), undefined);
});

Deno.test("a daemon whose claim is taken never starts", async () => {
  await using folder = await temporaryFolder();
  assert.equal(await findDaemon(folder.path, "d"), undefined); // looks, and so claims
  await assert.rejects(
    startDaemon({ folder: folder.path, name: "d", command: "sleep", args: ["60"] }),
    /holds the record/,
  );
});

Deno.test("a PID with another beginning is another process", async () => {
  assert.equal(await isAlive(Deno.pid, "other"), false);
  assert.equal(await isAlive(Deno.pid, (await processStart(Deno.pid))!), true);
});

Deno.test("a socket with a long path can be listened on and connected to", async () => {
  await using folder = await temporaryFolder();
  const deep = join(folder.path, "x".repeat(200));
  await Deno.mkdir(deep);
  const path = join(deep, "s.sock");
  const server = createServer((socket) => socket.end("hi"));
  const short = shortSocketPath(path);
  await new Promise<void>((resolve) => server.listen(short.path, resolve));
  short[Symbol.dispose]();
  const socket = await connectUnix(path, { deadlineMs: 1000, what: "test" });
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  assert.equal(new TextDecoder().decode(chunks[0]), "hi");
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("connecting to nobody is a timeout that names its purpose", async () => {
  await assert.rejects(
    connectUnix("/nowhere/x.sock", { deadlineMs: 20, what: "calling nobody" }),
    /timed out after 0.02s: calling nobody/,
  );
});

async function temporaryFolder() {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function whileMissing(path: string) {
  while (!await Deno.stat(path).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
