import assert from "node:assert/strict";
import { answerMessage, readQuestion } from "./mod.ts";

/** "Web.test", AAAA. */
const ASKED = new Uint8Array([
  ...[0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
  ...[3, 0x57, 0x65, 0x62, 4, 0x74, 0x65, 0x73, 0x74, 0],
  ...[0, 28, 0, 1],
]);

Deno.test("a question is read, in lower case", () => {
  assert.deepEqual(readQuestion(ASKED), { name: "web.test", type: 28, class: 1, end: 26 });
});

Deno.test("what is no question is not one, wherever it is cut", () => {
  for (let end = 0; end < ASKED.length; end++) {
    assert.equal(readQuestion(ASKED.subarray(0, end)), undefined, `${end} bytes`);
  }
  const changed = (at: number, byte: number) => ASKED.with(at, byte);
  for (const message of [changed(2, 0x81), changed(5, 2), changed(12, 0xc0), changed(12, 64)]) {
    assert.equal(readQuestion(message), undefined);
  }
});

Deno.test("an answer has the addresses of the family that was asked for", () => {
  const question = readQuestion(ASKED)!;
  const six = new Uint8Array(16).with(15, 1);
  const four = new Uint8Array([127, 0, 0, 1]);
  const answer = answerMessage(ASKED, question, { kind: "known", addresses: [four, six] });
  assert.deepEqual([...answer.subarray(0, 8)], [0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1]);
  assert.deepEqual([...answer.subarray(26)], [0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 0, 0, 16, ...six]);
  assert.equal(answerMessage(ASKED, question, { kind: "unknown" })[3], 0x83);
  assert.equal(answerMessage(ASKED, question, { kind: "refused" })[3], 0x85);
});
