/** `ctr`, except that its engine is the fake one: for tests of how an engine is started. */
import { FakeEngine, version } from "./fake_engine.ts";

if (Deno.args[0] === "engine") {
  const home = Deno.env.get("CTR_HOME")!;
  await Deno.writeTextFile(`${home}/engines`, `${Deno.pid}\n`, { append: true });
  if (Deno.env.get("FAKE_ENGINE") === "dies") {
    console.error("2026-01-01T00:00:00Z error cannot open state.db: disk is full");
    Deno.exit(3);
  }
  const engine = await FakeEngine.listen(home);
  engine.on("GET /v1/version", () => ({ ...version(), pid: Deno.pid }));
  engine.on("GET /v1/containers", () => []);
  engine.on("POST /v1/shutdown", (_request, response) => {
    response.writeHead(204).end(() => Deno.exit(0));
  });
} else {
  const { main } = await import("../../src/cli/mod.ts");
  Deno.exit(await main(Deno.args));
}
