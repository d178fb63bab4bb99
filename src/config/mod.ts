/**
 * The user's configuration files: `config.toml` and `registries.toml`.
 *
 * @module
 */
export { parseConfig, readConfig } from "./config.ts";
export type { Config } from "./config.ts";
export { parseRegistries, readRegistries, RegistriesConfig } from "./registries.ts";
export type { HostSettings, MirrorSettings } from "./registries.ts";
