import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { readEvents } from "./events.ts";
import type { ShimEvent } from "./shapes.ts";

/** What a shim sends, and what is made of it. */
async function reading(...pieces: string[]) {
  const path = await Deno.makeTempFile({ prefix: "ctr-events-" });
  await Deno.remove(path);
  const server = createServer((socket) => {
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const events: ShimEvent[] = [];
  const socket: Socket = connect(path);
  const why = await new Promise<string>((resolve) =>
    readEvents(socket, (event) => events.push(event), resolve)
  );
  await new Promise((resolve) => server.close(resolve));
  return { events, why };
}

Deno.test("events of the shim", async (t) => {
  await t.step("are read line by line, whatever the pieces", async () => {
    const { events, why } = await reading(
      '{"event":"done","token":1}\n{"event":"do',
      'ne","token":2,"fd":7}\n',
      '{"event":"stopped","vm":3,"error":{"domain":"VZErrorDomain","code":1,"message":"no"}}\n',
    );
    assert.deepEqual(events, [
      { event: "done", token: 1 },
      { event: "done", token: 2, fd: 7 },
      { event: "stopped", vm: 3, error: { domain: "VZErrorDomain", code: 1, message: "no" } },
    ]);
    assert.equal(why, "its events have ended");
  });

  const garbage: readonly (readonly [string, string, RegExp])[] = [
    ["no JSON", "oops\n", /^it sent what is no event: "oops"$/],
    ["an unknown event", '{"event":"party"}\n', /no event/],
    ["a token that is none", '{"event":"done","token":"1"}\n', /no event/],
    ["a negative descriptor", '{"event":"done","token":1,"fd":-1}\n', /no event/],
    ["a line without an end", "x".repeat(100_000), /no event: "x+…"$/],
    ["bytes that are no text", "\xff\xfe\0\n", /no event/],
  ];
  for (const [name, bytes, expected] of garbage) {
    await t.step(`${name} is the end, and nothing after it is believed`, async () => {
      const { events, why } = await reading(
        '{"event":"done","token":1}\n',
        bytes,
        '\n{"event":"done","token":2}\n',
      );
      assert.deepEqual(events, [{ event: "done", token: 1 }]);
      assert.match(why, expected);
    });
  }
});
