import type { App } from "./app.ts";

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The size of our own terminal; `undefined` where there is none. */
export function terminalSize(): TerminalSize | undefined {
  try {
    return Deno.consoleSize();
  } catch {
    return undefined;
  }
}

/**
 * Makes the terminal raw until the process ends, however it ends.
 *
 * @returns Gives it back earlier. A second call does nothing.
 */
export function rawTerminal(app: App): () => void {
  if (!Deno.stdin.isTerminal()) return () => {};
  Deno.stdin.setRaw(true);
  let raw = true;
  const restore = () => {
    if (!raw) return;
    raw = false;
    try {
      Deno.stdin.setRaw(false);
    } catch { /* the terminal has gone */ }
  };
  app.onRestore(restore);
  globalThis.addEventListener("unload", restore);
  return restore;
}
