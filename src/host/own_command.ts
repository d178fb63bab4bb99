/** The command that runs a role of this same ctr, compiled, bundled or from its sources. */
export function ownCommand(role: string): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), role];
  const script = new URL(Deno.mainModule);
  const main = script.protocol === "file:" ? decodeURIComponent(script.pathname) : script.href;
  // Roles handle streams of short-lived buffers: a small nursery costs no time that was seen and leaves
  // a quarter less memory behind. A bundle needs nothing but itself; sources need deno.json.
  const flags = [
    "--quiet",
    "--no-prompt",
    "--unstable-vsock",
    "--v8-flags=--max-semi-space-size=1",
  ];
  const closed = ["--no-config", "--no-lock", "--no-remote", "--no-npm"];
  if (main.endsWith(".js")) flags.push(...closed);
  return [Deno.execPath(), "run", "-A", ...flags, main, role];
}
