import assert from "node:assert/strict";
import { ProcessInput } from "./process_input.ts";
import type { RunningVm } from "./running_vm.ts";

/** A guest that takes everything, one turn later. */
function stand() {
  const got: string[] = [];
  let closed = false;
  const guest = {
    writeInput: async (
      _id: string,
      piece: { offset: number; data: Uint8Array; close: boolean },
    ) => {
      await Promise.resolve();
      got.push(new TextDecoder().decode(piece.data));
      closed ||= piece.close;
      return piece.offset + piece.data.length;
    },
  };
  const input = new ProcessInput({ guest } as unknown as RunningVm, "p");
  return { input, text: () => got.join(""), closed: () => closed };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ProcessInput loses nothing that comes in the very turn in which it had sent all", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { input, text, closed } = stand();
    input.write(0, bytes("a"));
    input.flush();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    input.write(1, bytes("b"));
    await input.flush();
    assert.deepEqual([text(), input.queued], ["ab", 0], `${turns} turns later`);
    input.end();
    await input.flush();
    assert.equal(closed(), true);
  }
});
