/** What the host changes in a mounted folder raises inotify events in the guest, once. */
import { assert, assertEquals } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

/** From the change on the host to the listener's line in the log. */
const WITHIN_MS = 500;

vmTest(
  "changes by the host raise events in the guest, those of the guest itself once",
  async (t) => {
    await using home = await ctrHome();
    const data = `${home.path}/data`;
    await Deno.mkdir(`${data}/below`, { recursive: true });
    await Deno.writeTextFile(`${data}/file`, "1");
    const built = await new Deno.Command("gcc", {
      args: [
        "-static",
        "-Os",
        "-o",
        `${data}/listen`,
        new URL("guest/listen.c", import.meta.url).pathname,
      ],
    }).output();
    assert(built.success, new TextDecoder().decode(built.stderr));
    const { stdout: id } = await home.ctr([
      ...["run", "-d", "--progress", "none", "-v", `${data}:/data`, BUSYBOX],
      ...["/data/listen", "/data", "/data/below"],
    ]);
    const log = new Log(home, id.trim());
    await log.follow();
    await log.ready(data);

    const changes: [string, () => Promise<void>, string[]][] = [
      ["create", () => Deno.mkdir(`${data}/made`), ["n\t/data\tmade"]],
      ["modify", () => Deno.writeTextFile(`${data}/file`, "22"), [
        "w\t/data\tfile",
        "c\t/data\tfile",
      ]],
      ["attributes", () => Deno.chmod(`${data}/file`, 0o600), ["e\t/data\tfile"]],
      [
        "rename",
        () => Deno.rename(`${data}/file`, `${data}/below/moved`),
        ["m\t/data\tfile", "y\t/data/below\tmoved"],
      ],
      ["delete", () => Deno.remove(`${data}/below/moved`), ["d\t/data/below\tmoved"]],
    ];
    for (const [name, change, wanted] of changes) {
      await t.step(`${name} within ${WITHIN_MS} ms`, async () => {
        log.take();
        const began = performance.now();
        await change();
        for (const line of wanted) await log.until(line);
        const took = performance.now() - began;
        console.log(`${name}: ${Math.round(took)} ms`);
        assert(took < WITHIN_MS, `it took ${Math.round(took)} ms`);
      });
    }

    await t.step("what the guest changes comes once, though the host saw it too", async () => {
      log.take();
      const script =
        "echo 1 > /data/own; mv /data/own /data/mine; rm /data/mine; mkdir /data/d; rmdir /data/d";
      await home.ctr(["exec", id.trim(), "sh", "-c", script]);
      await Deno.mkdir(`${data}/last`); // in its place behind the echoes
      await log.until("n\t/data\tlast");
      assertEquals(log.take(), [
        "n\t/data\town",
        "w\t/data\town",
        "c\t/data\town",
        "m\t/data\town",
        "y\t/data\tmine",
        "d\t/data\tmine",
        "n\t/data\td",
        "d\t/data\td",
        "n\t/data\tlast",
      ]);
    });

    await t.step("a listener that writes when it is told sets off no chain", async () => {
      await home.ctr(["exec", "-d", id.trim(), "/data/listen", "answer", "/data"]);
      await until(async () => {
        await Deno.writeTextFile(`${data}/ask${crypto.randomUUID()}`, "");
        return (await names(data)).some((name) => name.startsWith("answer-ask"));
      });
      const before = (await names(data)).length;
      log.take();
      await Deno.mkdir(`${data}/end`);
      await log.until("n\t/data\tend");
      assertEquals(log.take().filter((line) => !line.endsWith("\tend")).length <= 8, true);
      assert((await names(data)).length <= before + 4);
    });
  },
);

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !await done();) {
    assert(performance.now() < end, "it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The container's output as it comes. */
class Log {
  #lines: string[] = [];
  #rest = "";
  #changed = Promise.withResolvers<void>();
  readonly #home;
  readonly #id;

  constructor(home: Awaited<ReturnType<typeof ctrHome>>, id: string) {
    this.#home = home;
    this.#id = id;
  }

  async follow(): Promise<void> {
    const child = await this.#home.spawn(["logs", "--follow", this.#id]);
    child.stderr.cancel();
    child.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => this.#add(text) }),
    ).catch(() => {});
  }

  /** The listener listens, and the host's changes are watched. */
  async ready(data: string): Promise<void> {
    let n = 0;
    await until(async () => {
      await Deno.mkdir(`${data}/probe${n++}`);
      return this.#lines.some((line) => line.includes("probe"));
    });
    await new Promise((resolve) => setTimeout(resolve, 300)); // what is under way arrives
  }

  async until(line: string): Promise<void> {
    const end = performance.now() + 10_000;
    while (!this.#lines.includes(line)) {
      const late = setTimeout(() => this.#changed.resolve(), 500);
      await this.#changed.promise;
      clearTimeout(late);
      assert(performance.now() < end, `no "${line}" in ${JSON.stringify(this.#lines)}`);
    }
  }

  take(): string[] {
    return this.#lines.splice(0);
  }

  #add(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    this.#lines.push(...lines);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
