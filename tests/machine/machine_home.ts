import { assertEquals } from "../cli/assert.ts";
import type { CtrHome } from "../run/ctr_home.ts";

export const QUIET = ["--progress", "none"];

/** Runs a command that must succeed. @returns What it printed. */
export async function ok(home: CtrHome, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals(status, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

export interface Wanted {
  readonly name: string;
  readonly image: string;
  readonly user: Readonly<Record<string, unknown>>;
  readonly homeMount?: "rw" | "ro" | "none";
}

/** Makes and starts a machine for somebody else than who runs the tests: by the API, as the command line does. */
export async function createFor(home: CtrHome, wanted: Wanted): Promise<void> {
  await ok(home, "ls");
  const post = async (path: string, body: unknown) => {
    const client = Deno.createHttpClient({
      proxy: { transport: "unix", path: `${home.path}/run/engine.sock` },
    });
    const response = await fetch(`http://engine/v1${path}`, {
      client,
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    const text = await response.text();
    client.close();
    assertEquals(response.ok, true, text);
  };
  await post("/machines", { memoryBytes: 2 ** 30, diskBytes: 8 * 2 ** 30, ...wanted });
  await post(`/machines/${wanted.name}/start`, {});
}
