import { Frame } from "../../src/api/wire/mod.ts";
import { assert, assertEquals, assertMatch } from "./assert.ts";
import { TestHome } from "./ctr.ts";
import { refusal } from "./fake_engine.ts";

const ID = "c".repeat(64);
const CREATED = { id: ID, name: "brave_curie", warnings: [] };

Deno.test("run creates, starts, joins the streams and ends with the process's status", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  home.engine.attach = (stream, query) => {
    assertEquals([query.get("start"), query.get("from"), query.get("stdin")], ["1", "0", null]);
    stream.started().stdout("out\n").stderr("err\n").exit(42);
  };
  const result = await home.ctr([
    "run",
    "--rm",
    "-e",
    "A=1",
    "busybox",
    "sh",
    "-c",
    "x",
    "--",
    "-d",
  ]);
  assertEquals(result, { status: 42, stdout: "out\n", stderr: "err\n" });
  assertEquals(home.engine.bodies.find(Boolean), {
    image: "busybox",
    process: { args: ["sh", "-c", "x", "--", "-d"], env: ["A=1"] },
    autoRemove: true,
  });
});

Deno.test("run pulls an image that is not there", async () => {
  await using home = await TestHome.make();
  let pulled = false;
  home.engine.on("POST /v1/containers", () => {
    if (!pulled) throw refusal("not-found", 'cannot find "busybox"');
    return CREATED;
  });
  home.engine.on("POST /v1/images/pull", (_request, response) => {
    pulled = true;
    const digest = `sha256:${"ab".repeat(32)}`;
    const layer = { kind: "layer", digest, current: 0, total: 2097152 };
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    for (const phase of ["waiting", "downloading", "unpacking", "done"]) {
      response.write(JSON.stringify({ ...layer, phase }) + "\n");
    }
    response.end(JSON.stringify({ kind: "result", value: {} }) + "\n");
  });
  home.engine.attach = (stream) => stream.started().exit(0);
  const result = await home.ctr(["run", "busybox"]);
  assertEquals(result.status, 0);
  assertEquals(
    result.stderr,
    "pulling busybox\nabababababab: downloading (2 MiB)\nabababababab: unpacking (2 MiB)\n" +
      "abababababab: done (2 MiB)\n",
  );
});

Deno.test("run --pull never does not ask the registry", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => {
    throw refusal(
      "not-found",
      'cannot find "busybox": it was not pulled',
      'try "ctr pull busybox"',
    );
  });
  assertEquals(await home.ctr(["run", "--pull", "never", "busybox"]), {
    status: 125,
    stdout: "",
    stderr: 'error: cannot find "busybox": it was not pulled\nhint: try "ctr pull busybox"\n',
  });
});

Deno.test("run tells a pull that failed", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => {
    throw refusal("not-found", "no");
  });
  home.engine.on("POST /v1/images/pull", (_request, response) => {
    const error = { kind: "error", code: "not-found", message: 'cannot pull "x": no such tag' };
    response.writeHead(200).end(JSON.stringify(error) + "\n");
  });
  const { status, stderr } = await home.ctr(["run", "x"]);
  assertEquals([status, stderr], [125, 'error: cannot pull "x": no such tag\n']);
});

Deno.test("run removes a container that could not be started, and maps the reason", async (t) => {
  for (
    const [code, expected] of [["command-not-found", 127], ["not-executable", 126], [
      "unavailable",
      125,
    ]] as const
  ) {
    await t.step(`${code} → ${expected}`, async () => {
      await using home = await TestHome.make();
      home.engine.on("POST /v1/containers", () => CREATED);
      home.engine.on(`DELETE /v1/containers/${ID}?force=1`, () => undefined);
      home.engine.attach = (stream) => stream.fail(code, 'cannot start "nope"');
      const { status, stderr } = await home.ctr(["run", "busybox", "nope"]);
      assertEquals([status, stderr], [expected, 'error: cannot start "nope"\n']);
      assertEquals(home.engine.calls.at(-1), `DELETE /v1/containers/${ID}?force=1`);
    });
  }
});

Deno.test("run -d prints the ID, and --cidfile holds it", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  home.engine.on(`POST /v1/containers/${ID}/start`, () => ({
    id: ID,
    notices: ["guests run in emulation"],
  }));
  const cidfile = `${home.path}/cid`;
  const { status, stdout, stderr } = await home.ctr(["run", "-d", "--cidfile", cidfile, "busybox"]);
  assertEquals([status, stdout, stderr], [0, `${ID}\n`, "note: guests run in emulation\n"]);
  assertEquals(await Deno.readTextFile(cidfile), ID);
  const again = await home.ctr(["run", "-d", "--cidfile", cidfile, "busybox"]);
  assertEquals([again.status, again.stdout], [125, ""]);
  assertMatch(again.stderr, /^error: cannot write ".*cid": it exists\n/);
});

Deno.test("run -i hands standard input on, byte by byte, and its end", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  const input = crypto.getRandomValues(new Uint8Array(65536)).slice(0, 60000);
  const all = new Uint8Array(input.length * 60);
  for (let at = 0; at < all.length; at += input.length) all.set(input, at);
  home.engine.attach = async (stream) => {
    stream.started();
    let expected = 0;
    for (let frame; (frame = await stream.next());) {
      if (frame.type === Frame.stdinEnd) break;
      assertEquals(frame.type, Frame.stdin);
      const view = new DataView(frame.payload.buffer, frame.payload.byteOffset);
      assertEquals(Number(view.getBigUint64(0)), expected);
      const bytes = frame.payload.subarray(8);
      if (bytes.some((byte, index) => byte !== all[expected + index])) throw new Error("differs");
      expected += bytes.length;
      stream.taken(BigInt(expected));
    }
    stream.stdout(String(expected)).exit(0);
  };
  const { status, stdout } = await home.ctr(["run", "-i", "busybox", "cat"], { stdin: all });
  assertEquals([status, stdout], [0, String(all.length)]);
});

Deno.test("run stops reading input when the guest takes none", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  let received = 0;
  home.engine.attach = async (stream) => {
    stream.started();
    const quiet = setTimeout(() => stream.exit(0), 700);
    for (let frame; (frame = await stream.next());) {
      if (frame.type === Frame.stdin) received += frame.payload.length - 8;
    }
    clearTimeout(quiet);
  };
  const { status } = await home.ctr(["run", "-i", "busybox"], { stdin: new Uint8Array(8 << 20) });
  assertEquals(status, 0);
  assert(received >= 1 << 20 && received <= (1 << 20) + 65536, `${received} bytes were sent`);
});

Deno.test("run survives the loss of its engine: nothing is lost, nothing doubled", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  let connections = 0;
  home.engine.attach = async (stream, query) => {
    const first = ++connections === 1;
    if (first) {
      stream.started().stdout("one ").stdout("two ");
      await stream.nextOf(Frame.stdin);
      stream.socket.destroySoon();
      return;
    }
    assertEquals([query.get("start"), query.get("from")], [null, "8"]);
    const { payload } = await stream.nextOf(Frame.stdin);
    const typed = new TextDecoder().decode(payload.subarray(8));
    // An engine that cannot begin in the middle of a piece repeats it.
    stream.output(Frame.stdout, "two three ", 4n).stdout(typed).exit(0);
  };
  const { status, stdout } = await home.ctr(["run", "-i", "busybox"], { stdin: "four" });
  assertEquals([status, stdout, connections], [0, "one two three four", 2]);
});

Deno.test("run ends with 125 when the VM is lost", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  home.engine.attach = (stream) =>
    stream.started().exit(255, { reason: "lost", detail: "QEMU was killed" });
  assertEquals(await home.ctr(["run", "busybox"]), {
    status: 125,
    stdout: "",
    stderr: 'error: cannot go on with "brave_curie": QEMU was killed\n' +
      'hint: see "ctr logs --boot brave_curie"\n',
  });
});

Deno.test("run writes 300 MB without losing a byte", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  const total = 300e6;
  home.engine.attach = async (stream) => {
    stream.started();
    const piece = new Uint8Array(256 * 1024).fill(0x61);
    for (let left = total; left > 0;) {
      const bytes = piece.subarray(0, Math.min(left, piece.length));
      stream.stdout(bytes);
      left -= bytes.length;
      if (stream.socket.writableNeedDrain) {
        await new Promise<void>((resolve) => stream.socket.once("drain", () => resolve()));
      }
    }
    stream.exit(0);
  };
  const child = home.spawn(["run", "busybox"]);
  let received = 0;
  for await (const bytes of child.stdout) received += bytes.length;
  assertEquals([(await child.status).code, received], [0, total]);
  await child.stderr.cancel();
  await child.stdin.close();
});

Deno.test("run --timing prints the phases", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => CREATED);
  home.engine.attach = (stream) => {
    const phases = [
      { name: "VMM", beganMs: 1, tookMs: 20, steps: [{ name: "spawn", tookMs: 5 }] },
      { name: "kernel", beganMs: 21, tookMs: 200, steps: [] },
    ];
    stream.started({ timing: { beganAt: Date.now(), phases } }).stdout("x").exit(0);
  };
  const { stderr } = await home.ctr(["run", "--timing", "busybox"]);
  const names = stderr.trimEnd().split("\n").map((line) => line.trim().split(/ {2,}/)[0]!);
  assertEquals(names, [
    ..."PHASE ctr connect create VMM".split(" "),
    "spawn",
    "kernel",
    "started",
    "first byte",
  ]);
});
