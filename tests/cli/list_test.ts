import { assertEquals } from "./assert.ts";
import { runCtr, TestHome } from "./ctr.ts";
import { container, image } from "./examples.ts";
import { refusal } from "./fake_engine.ts";
import { assertGolden } from "./golden.ts";

async function homeWithLists(): Promise<TestHome> {
  const home = await TestHome.make();
  const running = container("a1", "web", "running");
  const exited = container("b2", "job", "exited");
  home.engine.on("GET /v1/containers", () => [running]);
  home.engine.on("GET /v1/containers?all=1", () => [running, exited]);
  home.engine.on("GET /v1/containers/web", () => running);
  home.engine.on("GET /v1/containers?all=1&size=1", () => [running, exited]);
  home.engine.on("GET /v1/containers/job", () => exited);
  for (const path of ["containers/alpine%3A3", "containers/data", "images/inspect?ref=data"]) {
    home.engine.on(`GET /v1/${path}`, () => {
      throw refusal("not-found", "no");
    });
  }
  for (const path of ["images/inspect?ref=nope", "volumes/nope"]) {
    home.engine.on(`GET /v1/${path}`, () => {
      throw refusal("not-found", "no");
    });
  }
  home.engine.on("GET /v1/images/inspect?ref=alpine%3A3", () => image("alpine:3"));
  home.engine.on("GET /v1/volumes", () => [{ id: "data", configuration: { name: "data" } }]);
  home.engine.on("GET /v1/volumes/data", () => ({ id: "data", configuration: { name: "data" } }));
  home.engine.on("GET /v1/containers/nope", () => {
    throw refusal("not-found", "no");
  });
  home.engine.on("GET /v1/images", () => [
    image("localhost:5000/debian:12"),
    image("docker.io/library/alpine:3"),
  ]);
  const usage = { total: 2, active: 1, sizeInBytes: 4096, logicalInBytes: 8192, reclaimable: 1024 };
  const none = { total: 0, active: 0, sizeInBytes: 0, logicalInBytes: 0, reclaimable: 0 };
  home.engine.on(
    "GET /v1/df",
    () => ({ images: usage, containers: usage, volumes: none, buildCache: usage }),
  );
  return home;
}

Deno.test("lists", async () => {
  await using home = await homeWithLists();
  let text = "";
  for (
    const line of [
      "ls",
      "ps -a",
      "list -a --no-trunc",
      "ls -q",
      "ls -s -n 1",
      "ls -l -q",
      "ls -n many",
      "ls --filter status=exited",
      "ls -a --filter exited=3",
      "ls -a --filter label=tier=front --filter label=other",
      "ls -a --filter label=tier",
      "ls -a --filter name=we --filter name=jo",
      "ls -a --filter name=^e",
      "ls -a --filter ancestor=alpine",
      "ls -a --filter ancestor=debian",
      "ls -a -q --filter since=web",
      "ls -a -q --filter before=nope",
      "ls -a -q --filter volume=data",
      "ls -a -q --filter health=healthy",
      "ls -a -q --filter health=fine",
      "ls --filter colour=red",
      "ls --filter name",
      "ls --filter publish=80",
      "ls --format {{.ID}}|{{.Names}}|{{.Image}}|{{.State}}|{{.Command}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}",
      'ls --no-trunc --format table|{{.Names}}\\t{{.CreatedAt}}\\t{{.Label|"tier"}}',
      "ls --format {{json|.configuration.image}}",
      "ls --format {{.Nope}}",
      "ls --format xml",
      "ls --format json",
      "ls --format yaml",
      "ls --format toml",
      "inspect web",
      "inspect web nope",
      "inspect alpine:3 --format {{.id}}",
      "image inspect alpine:3 --format {{.RepoTags}}|{{.RepoDigests}}|{{.Os}}/{{.Architecture}}|{{.Size}}",
      "images --format {{.Repository}}:{{.Tag}}|{{.ID}}|{{.Size}}",
      "inspect data --format yaml",
      "inspect data --type container",
      "inspect job --format {{.State.Status}}|{{.State.ExitCode}}|{{.RestartCount}}|{{.Name}}",
      "inspect web --format {{range|.Mounts}}{{.Destination}}{{end}}",
      "inspect web --format nonsense",
      "image ls",
      "images -q",
      "image ls -v",
      "image ls --format json",
      "image ls -q -v",
      "system df",
      "system df --format json",
      "__complete -- ins",
      "__complete -- image t",
      "__complete -- rm ",
      "__complete -- run alp",
      "__complete -- run --pul",
      "__complete -- run --pull ",
      "__complete -- ls --format ",
      "__complete -- run --restart on",
      "__complete -- run --restart=un",
      "__complete -- run -itv ",
      "__complete -- run --stop-signal SIGU",
      "__complete -- run --cap-add=SYS_T",
      "__complete -- volume inspect ",
      "__complete -- inspect ",
      "__complete -- cp ",
      "__complete -- tag al",
      "__complete -- ls --filter s",
      "__complete -- exec web ",
      "__complete -- completion ",
    ]
  ) {
    const words = line.split(" ").map((word) => word.replaceAll("|", " "));
    const { status, stdout, stderr } = await home.ctr(words);
    text += `$ ctr ${line}\n${stdout}${stderr}[${status}]\n\n`;
  }
  await assertGolden(text, "lists.txt");
});

Deno.test("an empty list is a header, and nothing with -q", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/containers", () => []);
  const { stdout } = await home.ctr(["ls"]);
  assertEquals(
    stdout,
    "ID  NAME  IMAGE  OS  ARCH  STATE  HEALTH  IP  PORTS  CPUS  MEMORY  STARTED\n",
  );
  assertEquals((await home.ctr(["ls", "-q"])).stdout, "");
});

Deno.test("bash completes words that it breaks at colons", async () => {
  const { stdout: script } = await runCtr("/nonexistent/home", ["completion", "bash"]);
  const stub = `ctr() { local IFS=' '; [ "$*" = "__complete -- image rm 127.0.0.1:5000/b" ] &&
    printf '127.0.0.1:5000/box:latest\\timage\\n'; }`;
  const line = "ctr image rm 127.0.0.1:5000/b";
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", `${script}\n${stub}\n_ctr ctr 5000/b :; echo "\${COMPREPLY[*]}"`],
    env: { COMP_LINE: line, COMP_POINT: String(line.length) },
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "5000/box:latest\n");
});

Deno.test("completion does not start the engine", async () => {
  assertEquals(await runCtr("/nonexistent/home", ["__complete", "--", "rm", ""]), {
    status: 0,
    stdout: "",
    stderr: "",
  });
});

Deno.test("of many containers each gets its turn, once", async () => {
  await using home = await TestHome.make();
  home.engine.on("POST /v1/containers/a/stop", () => undefined);
  home.engine.on("POST /v1/containers/c/stop", () => undefined);
  const result = await home.ctr(["stop", "-t", "1", "a", "nope", "a", "c"]);
  assertEquals(result, {
    status: 1,
    stdout: "a\nc\n",
    stderr: "error: the fake has no route POST /v1/containers/nope/stop\n",
  });
  assertEquals(home.engine.bodies.find(Boolean), { timeoutMs: 1000 });
});

Deno.test("wait prints statuses in the order of the names", async () => {
  await using home = await TestHome.make();
  const finishedAt = "2026-01-01T00:00:00Z";
  home.engine.on("POST /v1/containers/slow/wait", async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { status: 3, reason: "exited", finishedAt };
  });
  home.engine.on("POST /v1/containers/quick/wait", () => ({
    status: 137,
    reason: "oom",
    finishedAt,
  }));
  assertEquals((await home.ctr(["wait", "slow", "quick"])).stdout, "3\n137\n");
});
