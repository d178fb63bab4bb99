/**
 * Messages of the domain name system, as much of them as a server of a few names needs (RFC 1035).
 *
 * @module
 */
export { answerMessage, readQuestion } from "./message.ts";
export type { Question, Verdict } from "./message.ts";
