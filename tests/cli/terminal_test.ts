import { Frame } from "../../src/api/wire/mod.ts";
import { assertEquals, assertMatch } from "./assert.ts";
import { TestHome } from "./ctr.ts";
import { onTerminal } from "./pty.ts";

const ID = "c".repeat(64);

async function homeThatRuns(): Promise<TestHome> {
  const home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => ({ id: ID, name: "web", warnings: [] }));
  return home;
}

Deno.test("run -it makes the terminal raw, carries what is typed and gives it back", async () => {
  await using home = await homeThatRuns();
  let typed = "";
  home.engine.attach = async (stream) => {
    stream.started().stdout("ready");
    while (!typed.endsWith("\x03")) {
      typed += new TextDecoder().decode((await stream.nextOf(Frame.stdin)).payload.subarray(8));
    }
    stream.stdout("bye").exit(7);
  };
  const result = await onTerminal(home.path, ["run", "-it", "x", "sh"], [
    ["expect", "ready"],
    ["mode"],
    ["send", "a\x03"],
    ["expect", "bye"],
  ]);
  assertEquals([result.status, result.seen, result.modes, typed], [7, "", [true], "a\x03"]);
  assertEquals(home.engine.bodies.find(Boolean), {
    image: "x",
    process: { args: ["sh"], env: [], terminal: true, interactive: true, rows: 24, columns: 80 },
  });
});

Deno.test("run -it tells the terminal's size, at first and when it changes", async () => {
  await using home = await homeThatRuns();
  const sizes: number[][] = [];
  home.engine.attach = async (stream) => {
    stream.started().stdout("ready");
    for (let round = 0; round < 2; round++) {
      const { payload } = await stream.nextOf(Frame.resize);
      const view = new DataView(payload.buffer, payload.byteOffset);
      sizes.push([view.getUint16(0), view.getUint16(2)]);
    }
    stream.exit(0);
  };
  const result = await onTerminal(home.path, ["run", "-it", "x"], [
    ["expect", "ready"],
    ["resize", 50, 132],
  ]);
  assertEquals([result.status, sizes], [0, [[24, 80], [50, 132]]]);
});

Deno.test("run -t without -i leaves the terminal as it is, and Ctrl-C is a signal", async () => {
  await using home = await homeThatRuns();
  home.engine.attach = async (stream) => {
    stream.started().stdout("ready");
    const { payload } = await stream.nextOf(Frame.signal);
    stream.stdout(`got ${new TextDecoder().decode(payload)}`).exit(130);
  };
  const result = await onTerminal(home.path, ["run", "-t", "x"], [
    ["expect", "ready"],
    ["mode"],
    ["send", "\x03"],
    ["expect", "got INT"],
  ]);
  // The shell around ctr got the signal as well and ends by it.
  assertEquals([result.modes, [130, -2].includes(result.status)], [[false], true]);
});

Deno.test("the detach keys leave the process running", async () => {
  await using home = await homeThatRuns();
  let typed = "";
  const gone = Promise.withResolvers<void>();
  home.engine.attach = async (stream) => {
    stream.started().stdout("ready");
    for (let frame; (frame = await stream.next());) {
      if (frame.type === Frame.stdin) typed += new TextDecoder().decode(frame.payload.subarray(8));
    }
    gone.resolve();
  };
  const result = await onTerminal(home.path, ["run", "-it", "x"], [
    ["expect", "ready"],
    ["send", "a\x10"],
    ["send", "b\x10"],
    ["send", "\x11"],
  ]);
  await gone.promise;
  assertEquals([result.status, typed], [0, "a\x10b"]);
  assertMatch(result.seen, /detached from web/);
});

Deno.test("the terminal is given back when ctr fails or is killed by a signal", async (t) => {
  await t.step("the engine answers nonsense", async () => {
    await using home = await homeThatRuns();
    home.engine.attach = async (stream) => {
      stream.started().stdout("ready");
      await stream.nextOf(Frame.stdin);
      stream.socket.write(new Uint8Array([0x11, 0xff, 0xff, 0xff, 0xff]));
    };
    const result = await onTerminal(home.path, ["run", "-it", "x"], [
      ["expect", "ready"],
      ["send", "x"],
      ["expect", "error: read a frame"],
    ]);
    assertEquals([result.status, result.seen.includes("STAYED-RAW")], [125, false]);
  });
  await t.step("start -ai of a container with a terminal", async () => {
    await using home = await TestHome.make();
    home.engine.on("GET /v1/containers/web", () => ({
      id: ID,
      name: "web",
      configuration: { initProcess: { terminal: true, interactive: true } },
      status: { state: "exited" },
    }));
    home.engine.attach = async (stream) => {
      stream.started().stdout("ready");
      await stream.nextOf(Frame.stdin);
      stream.exit(3);
    };
    const result = await onTerminal(home.path, ["start", "-ai", "web"], [
      ["expect", "ready"],
      ["mode"],
      ["send", "x"],
    ]);
    assertEquals([result.status, result.modes, result.seen], [3, [true], ""]);
  });
});

Deno.test("attach goes on with the input where an earlier client ended", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/containers/web", () => ({
    id: ID,
    name: "web",
    configuration: { initProcess: { terminal: true, interactive: true } },
    status: { state: "running" },
  }));
  let offset = 0n;
  home.engine.attach = async (stream) => {
    stream.taken(17n).stdout("ready");
    const { payload } = await stream.nextOf(Frame.stdin);
    offset = new DataView(payload.buffer, payload.byteOffset).getBigUint64(0);
    stream.exit(0);
  };
  const result = await onTerminal(home.path, ["attach", "web"], [
    ["expect", "ready"],
    ["send", "x"],
  ]);
  assertEquals([result.status, offset], [0, 17n]);
});
