/**
 * The user's configuration file.
 *
 * @module
 */
export { parseConfig, readConfig } from "./config.ts";
export type { Config } from "./config.ts";
