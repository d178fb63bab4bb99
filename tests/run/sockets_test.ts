/** Unix sockets between host and container, both ways, and the ssh agent. */
import { connect, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];
/** More than the guest's and the host's buffers hold together. */
const LARGE = 6 * 1024 * 1024;

vmTest(
  "sockets of host and container reach each other, also after the engine was killed",
  async (t) => {
    await using home = await ctrHome();
    const program = await compiled(home);
    const hosts = `${home.path}/host.sock`;
    const published = `${home.path}/made/for/it.sock`;
    await using server = await serveReversed(hosts);
    const { stdout, stderr } = await home.ctr([
      ...["run", "-d", "--name", "both", "--read-only", "--tmpfs", "/tmp", ...QUIET],
      ...["-v", `${program}:/socket`, "-v", `${hosts}:/run/host.sock`, "--ssh"],
      ...[
        "--publish-socket",
        `${published}:/tmp/echo.sock`,
        BUSYBOX,
        "/socket",
        "echo",
        "/tmp/echo.sock",
      ],
    ], { env: { SSH_AUTH_SOCK: hosts } });
    assert(stdout !== "", stderr);
    const id = stdout.trim();
    const inside = (path: string, stdin: string | Uint8Array) =>
      home.ctr(["exec", "-i", id, "/socket", "send", path], { stdin });

    await t.step("the container's program connects to the host's", async () => {
      assertEquals(await inside("/run/host.sock", "abc"), {
        status: 0,
        stdout: "cba",
        stderr: "",
      });
    });
    await t.step("the agent is where SSH_AUTH_SOCK says, for every user", async () => {
      const { stdout } = await home.ctr(
        [
          "exec",
          "-i",
          "--user",
          "1000",
          id,
          "sh",
          "-c",
          'echo "$SSH_AUTH_SOCK"; /socket send "$SSH_AUTH_SOCK"',
        ],
        { stdin: "xyz" },
      );
      assertEquals(stdout, "/run/host-services/ssh-auth.sock\nzyx");
    });
    await t.step("the host's program connects to the container's", async () => {
      assertEquals(await exchange(published, "hello"), "olleh");
      assertEquals((await Deno.stat(published)).mode! & 0o777, 0o600);
    });
    await t.step("every byte of a large exchange arrives, one side after the other", async () => {
      const bytes = noise(LARGE);
      const back = await exchangeBytes(published, bytes);
      assertEquals(back.length, LARGE);
      assert(back.every((byte, at) => byte === bytes[LARGE - 1 - at]));
    });
    await t.step("many at a time", async () => {
      const texts = Array.from({ length: 40 }, (_, n) => `connection ${n}`);
      const got = await Promise.all(texts.map((text) => exchange(published, text)));
      assertEquals(got, texts.map((text) => [...text].reverse().join("")));
    });
    await t.step("both after the engine was killed", async () => {
      Deno.kill(await home.enginePid(), "SIGKILL");
      await home.ctr(["ls"]);
      assertEquals(await exchange(published, "again"), "niaga");
      assertEquals((await inside("/run/host.sock", "123")).stdout, "321");
    });
    await t.step("a start from another login hands that one's agent over", async () => {
      const next = `${home.path}/next.sock`;
      await using _agent = await serveReversed(next);
      assertEquals(
        (await home.ctr(["restart", "-t", "0", id], { env: { SSH_AUTH_SOCK: next } })).status,
        0,
      );
      await Deno.remove(hosts);
      assertEquals((await inside("/run/host-services/ssh-auth.sock", "new")).stdout, "wen");
    });
    await t.step("the host's socket goes with the container", async () => {
      await home.ctr(["rm", "-f", id]);
      assertEquals(await Deno.lstat(published).then(() => "there", () => "gone"), "gone");
      assertEquals(server.listening, true);
    });
  },
);

vmTest("a socket that is there is not replaced, another file is", async () => {
  await using home = await ctrHome();
  const path = `${home.path}/taken.sock`;
  const start = () =>
    home.ctr(["run", "--rm", ...QUIET, "--publish-socket", `${path}:/x.sock`, BUSYBOX, "true"]);
  {
    await using _server = await serveReversed(path);
    const { status, stderr } = await start();
    assertEquals(status, 125);
    assertMatch(stderr, /cannot publish a socket at ".*taken\.sock": there is a socket already/);
  }
  await Deno.remove(path).catch(() => {});
  await Deno.writeTextFile(path, "a file");
  assertEquals((await start()).status, 0);
});

async function compiled(home: CtrHome): Promise<string> {
  const program = `${home.path}/socket`;
  const source = new URL("guest/socket.c", import.meta.url).pathname;
  const built = await new Deno.Command("gcc", { args: ["-static", "-O2", "-o", program, source] })
    .output();
  assert(built.success, new TextDecoder().decode(built.stderr));
  return program;
}

/** A program of the host: sends back in reverse what came. */
async function serveReversed(path: string) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    readAll(socket).then((bytes) => socket.end(bytes.reverse()));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    get listening() {
      return server.listening;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
      await Deno.remove(path).catch(() => {});
    },
  };
}

async function exchange(path: string, text: string): Promise<string> {
  return new TextDecoder().decode(await exchangeBytes(path, new TextEncoder().encode(text)));
}

async function exchangeBytes(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const socket = connect({ path, allowHalfOpen: true });
  const answer = readAll(socket);
  socket.end(bytes);
  return await answer;
}

async function readAll(socket: Socket): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on("data", (part) => parts.push(part)).once("end", resolve).once("error", reject);
  await promise;
  return new Uint8Array(await buffer(new Blob(parts as Uint8Array<ArrayBuffer>[]).stream()));
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}
