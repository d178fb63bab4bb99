/** The command that runs the engine: this same ctr, compiled, bundled or from its sources. */
export function engineCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), "engine"];
  const script = new URL(Deno.mainModule);
  const main = script.protocol === "file:" ? decodeURIComponent(script.pathname) : script.href;
  return [Deno.execPath(), "run", "-A", "--no-prompt", "--unstable-vsock", main, "engine"];
}
