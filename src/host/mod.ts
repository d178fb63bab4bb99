/**
 * What differs by host: places, processes that outlive us, unix sockets, facts of the machine.
 *
 * @module
 */
export { findAsset } from "./assets.ts";
export type { Asset } from "./assets.ts";
export { cacheFolder, configFile, ctrHome } from "./paths.ts";
export { closeOnExec, descriptorOf } from "./close_on_exec.ts";
export { ownCommand } from "./own_command.ts";
export { bootId, footprintBytes, isAlive, processStart } from "./process_facts.ts";
export { processesBelow } from "./processes_below.ts";
export type { ProcessBelow } from "./processes_below.ts";
export { daemonGone, findDaemon, killDaemon, startDaemon } from "./daemon.ts";
export type { Daemon, DaemonOptions } from "./daemon.ts";
export { connectUnix, connectUnixOnce, shortSocketPath } from "./unix_socket.ts";
export type { ShortPath } from "./unix_socket.ts";
export {
  hostArchitecture,
  hostCpus,
  hostMemoryBytes,
  hostSystem,
  kernelRelease,
  tscKhz,
} from "./facts.ts";
export { bridgeObstacle, forwardsPackets, interfaceNames, systemPath } from "./kernel_network.ts";
export { cloneFile } from "./clone_file.ts";
export { HeldFolder } from "./held_folder.ts";
export { watchFolder } from "./watch_folder.ts";
export type { FolderChange, FolderWatch, WatchOptions } from "./watch_folder.ts";
export { KEYCHAIN_SYMBOLS, openKeychain } from "./keychain.ts";
export type { Keychain, KeychainItem, KeychainSymbols } from "./keychain.ts";
export { findShim } from "./shim_library.ts";
export { systemKeychain } from "./system_keychain.ts";
export { excludeFromBackups } from "./backups.ts";
