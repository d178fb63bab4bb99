import type { IncomingMessage, ServerResponse } from "node:http";
import { assertEquals } from "./assert.ts";
import { TestHome } from "./ctr.ts";
import { image } from "./examples.ts";
import { refusal } from "./fake_engine.ts";
import { assertGolden } from "./golden.ts";

const DIGEST = `sha256:${"1234abcd".repeat(8)}`;
const LAYER = `sha256:${"beef".repeat(16)}`;

function named(familiar: string) {
  return { reference: `docker.io/library/${familiar}`, familiar, digest: DIGEST };
}

/** Answers with lines of progress, as long work does. */
function progress(...lines: unknown[]) {
  return (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  };
}

function layer(phase: string) {
  return { kind: "layer", digest: LAYER, phase, current: 0, total: 2048 };
}

/** An image with what filters look at. */
function filtered(reference: string, created: string, labels: Record<string, string> = {}) {
  const one = image(reference);
  const [variant] = one.variants;
  return { ...one, variants: [{ ...variant, config: { created, config: { Labels: labels } } }] };
}

async function homeWithImages(): Promise<TestHome> {
  const home = await TestHome.make();
  const { engine } = home;
  engine.on("GET /v1/images", () => [
    filtered("docker.io/library/alpine:3", "2026-01-01T00:00:00Z", { tier: "base" }),
    filtered("docker.io/library/web:1", "2026-02-01T00:00:00Z", { tier: "front" }),
    filtered("localhost:5000/team/web:2", "2026-03-01T00:00:00Z"),
    filtered(`docker.io/library/untagged@${DIGEST}`, "2026-04-01T00:00:00Z"),
  ]);
  engine.on(
    "POST /v1/images/push",
    progress(
      { kind: "message", text: "docker.io/library/web:1: sha256:1234" },
      layer("waiting"),
      layer("uploading"),
      layer("mounted"),
      { kind: "result", value: { images: [{ ...named("web:1"), size: 1234, referrers: 2 }] } },
    ),
  );
  engine.on(
    "POST /v1/images/pull",
    progress({
      kind: "result",
      value: { images: ["web:1", "web:2"].map((each) => ({ ...named(each), referrers: 1 })) },
    }),
  );
  engine.on("GET /v1/images/history", () => [
    {
      created: "2026-01-02T00:00:00Z",
      createdBy: 'CMD ["/bin/sh", "-c", "a command that is too long for a column"]',
      comment: "",
      size: 0,
    },
    { createdBy: "COPY x /", comment: "two\nlines", size: 2048, layer: LAYER },
  ]);
  engine.on(
    "POST /v1/images/convert",
    progress(layer("converting"), layer("done"), { kind: "result", value: named("web:zstd") }),
  );
  engine.on("POST /v1/images/diff", () => ({
    files: [
      { kind: "added", path: "/etc/new" },
      { kind: "changed", path: "/etc/passwd" },
      { kind: "deleted", path: "/var/old" },
    ],
    config: [{ field: "config.Cmd", before: ["sh"], after: null }],
  }));
  engine.on("POST /v1/images/prune", () => ({
    removed: ["docker.io/library/web:1"],
    deleted: [DIGEST],
    reclaimedBytes: 5 * 1024 * 1024,
  }));
  engine.on("POST /v1/images/import", progress({ kind: "result", value: named("root:1") }));
  engine.on(
    "POST /v1/images/load",
    progress({ kind: "result", value: { images: [named("web:1")], skipped: ["../evil"] } }),
  );
  engine.on("POST /v1/images/save", () => {
    throw refusal("not-found", 'cannot save "nope:latest": there is no such image');
  });
  return home;
}

Deno.test("images: what is printed, and where", async () => {
  await using home = await homeWithImages();
  await Deno.writeTextFile(`${home.path}/a.tar`, "");
  let text = "";
  for (
    const line of [
      "images",
      "images --digests web",
      "image ls --filter dangling=true",
      "image ls --filter label=tier",
      "image ls --filter label!=tier --filter dangling=false",
      "image ls --filter reference=*web*",
      "image ls --filter reference=localhost:5000/*/*",
      "image ls --filter before=web:1",
      "image ls --filter since=web:1 -q",
      "image ls --filter before=nope",
      "image ls --filter size=1",
      "image ls --filter dangling=perhaps",
      "images --format {{.Repository}}:{{.Tag}}={{.Size}}",
      "push web:1",
      "push -q web:1",
      "image push --referrers --platform linux/arm64 web:1",
      "image push --progress json --max-concurrent-uploads 2 web:1",
      "push -a --platform linux/arm64 web",
      "push --max-concurrent-uploads 0 web:1",
      "pull -a -q web",
      "pull --referrers --progress none web:1",
      "pull --all-platforms --platform linux/arm64 web:1",
      "history --human false web:1",
      "history --human false --no-trunc web:1",
      "history -q web:1",
      "history --human maybe web:1",
      "history --format {{.CreatedBy}} web:1",
      "image convert --compression zstd web:1 web:zstd",
      "image convert web:1 web:2",
      "image convert --compression xz web:1 web:2",
      "image diff web:1 web:2",
      "image diff --format json web:1 web:2",
      "image prune",
      "image prune -a --filter until=24h --filter label=a=b",
      "image prune --filter until=soon",
      "image prune --filter size=1",
      "import --progress none HOME/a.tar root:1",
      "import HOME/none.tar root:1",
      "load --progress none -i HOME/a.tar",
      "load -i HOME/none.tar",
      "save nope -o HOME/out.tar",
      "save nope -o HOME/none/out.tar",
      "save --format tar nope -o HOME/out.tar",
    ]
  ) {
    const words = line.replaceAll("HOME", home.path).split(" ");
    const { status, stdout, stderr } = await home.ctr(words);
    const shown = `${stdout}${stderr}`.replaceAll(home.path, "HOME");
    text += `$ ctr ${line}\n${shown}[${status}]\n\n`;
  }
  await assertGolden(text, "images.txt");
  const left = (await Array.fromAsync(Deno.readDir(home.path))).map(({ name }) => name);
  assertEquals(left.filter((name) => name.includes("out.tar")), [], "half an archive was left");
});

Deno.test("images: what the engine is asked", async () => {
  await using home = await homeWithImages();
  const asked = async (line: string, path: string) => {
    await home.ctr(line.split(" "));
    const at = home.engine.calls.findLastIndex((call) => call.includes(path));
    const { environment: _, ...body } = home.engine.bodies[at] as Record<string, unknown>;
    return body;
  };
  assertEquals(await asked("push -a --referrers web", "push"), {
    reference: "web",
    scheme: "auto",
    allTags: true,
    referrers: true,
  });
  assertEquals(await asked("image pull -a arm64 web", "pull"), {
    reference: "web",
    scheme: "auto",
    platform: "linux/arm64",
  });
  assertEquals(
    await asked("image convert --compression none --format docker a b", "convert"),
    { source: "a", target: "b", compression: "none", format: "docker" },
  );
  assertEquals(await asked("image prune -a --filter label!=keep=x=y", "prune"), {
    all: true,
    labels: [{ name: "keep", value: "x=y", not: true }],
  });
});
