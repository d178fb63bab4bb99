/**
 * The part of the contract that costs nothing to load: no zod. For commands whose start is measured
 * (`run`, `exec`); everybody else imports `../mod.ts`, which holds this too.
 *
 * @module
 */
export {
  encodeFrame,
  Frame,
  FRAME_HEADER,
  FrameDecoder,
  frameHeader,
  MAX_FRAME,
} from "./frames.ts";
export type { ReceivedFrame } from "./frames.ts";
export { API_VERSION, CTR_VERSION, ENGINE_SOCKET } from "./constants.ts";
export { PROXY_VARIABLES, registryEnvironment } from "./environment.ts";
export type { Environment } from "./environment.ts";
