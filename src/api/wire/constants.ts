/** The release, of CLI and engine alike. */
export const CTR_VERSION = "0.1.0";

/** Spoken by CLI and engine; a CLI that meets another number restarts an idle engine. */
export const API_VERSION = 2;

/** `<home>/run/engine.sock`. */
export const ENGINE_SOCKET = "run/engine.sock";
