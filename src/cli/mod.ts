/**
 * The command line: declarations that are cheap to load, actions that are loaded when they run.
 *
 * @module
 */
export { main } from "./main.ts";
