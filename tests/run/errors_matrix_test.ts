import { assert, assertEquals } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];
const GOLDEN = new URL("testdata/errors_matrix.txt", import.meta.url);

/**
 * Commands that have to fail, by what they are given. `IMG` is an image that is there; `made` was never
 * started, `ended` has ended with 3, `up` runs and mounts the volume `data`, `held` is paused.
 */
const CASES: Readonly<Record<string, readonly string[]>> = {
  "containers that are not there": [
    "start no",
    "start -a no",
    "stop no",
    "restart no",
    "kill no",
    "rm no",
    "rm -f no",
    "exec no true",
    "attach no",
    "logs no",
    "logs -f no",
    "inspect no",
    "inspect --type container no",
    "wait no",
    "cp no:/etc/passwd .",
    "cp /etc/hostname no:/",
    "export no",
    "diff no",
    "commit no new:1",
    "pause no",
    "unpause no",
    "rename no other",
    "update --cpus 1 no",
    "stats no",
    "top no",
    "run --rm --volumes-from no IMG true",
    "ls --filter since=no",
  ],
  "a container that was never started": [
    "exec made true",
    "attach made",
    "kill made",
    "pause made",
    "unpause made",
    "top made",
    "rename made ended",
    "cp made:/nothing/here .",
    "cp /nothing/here made:/",
    "cp made:/etc up:/",
  ],
  "a container that has ended": [
    "exec ended true",
    "attach ended",
    "kill ended",
    "pause ended",
    "unpause ended",
    "cp ended:/nothing/here .",
    "cp /etc/hostname ended:/no/such/folder/",
  ],
  "a container that runs": [
    "rm up",
    "unpause up",
    "top -o nonsense up",
    "rename up ended",
    "rename up .bad",
    "update -m 10M up",
    "kill --signal NOSUCH up",
    "stop --signal 99 up",
    "exec up /nothing/here",
    "exec up /etc/passwd",
    "exec -u nobody-of-that-name up true",
    "exec -d up /nothing/here",
    "cp up:/nothing/here .",
    "run --name up IMG true",
    "create --name ended IMG true",
    "run --rm --name second -v data:/data IMG true",
    "volume rm data",
    "image rm IMG",
  ],
  "a container that is paused": ["pause held", "exec held true", "rm held"],
  "images that are not there": [
    "run --rm --pull never no/such:image",
    "create --pull never no/such:image",
    "image inspect no/such:image",
    "image history no/such:image",
    "image rm no/such:image",
    "image tag no/such:image new:1",
    "image tag IMG Bad/Name",
    "image save no/such:image -o /nonexistent/x.tar",
    "image load -i /nothing/here.tar",
    "image push no/such:image",
    "image diff no/such:image IMG",
    "image convert --format oci no/such:image new:1",
    "run --rm IMG /nothing/here",
    "run --rm --platform linux/riscv64 --pull never IMG true",
  ],
  "volumes": [
    "volume create data",
    "volume create .bad",
    "volume create --opt size=tiny big",
    "volume inspect no",
    "volume rm no",
    "volume clone no other",
    "volume create -s 17 tiny",
    "volume create --type remote far",
    "volume create --type shared -s 1g folder",
    "volume clone data data",
    "volume clone spare data",
    "volume export data",
    "volume import spare /nothing/here.tar",
    "volume import spare /etc/passwd",
    "volume import data /etc/passwd",
    "volume check data",
    "volume resize spare tiny",
    "volume resize spare 4k",
    "volume export no",
    "volume import no /etc/passwd",
    "volume check no",
    "volume resize no 1g",
  ],
  "builds": [
    "build /nothing/here",
    "build -f /nothing/here /etc/ssl",
    "build /etc/ssl",
    "build -",
    "build --secret id=no -",
    "builder start --cpus 2",
    "builder du --filter colour=red",
    "builder prune --filter until=never",
    "builder prune --keep-storage much",
  ],
};

vmTest("what cannot be done is said in one sentence, with a documented status", async () => {
  await using home = await ctrHome();
  await prepare(home);
  let text = "";
  for (const [heading, lines] of Object.entries(CASES)) {
    text += `## ${heading}\n\n`;
    for (const line of lines) text += await fails(home, line);
  }
  const stable = text.replaceAll(BUSYBOX, "IMG").replaceAll(BUSYBOX.split("/")[0]!, "REGISTRY")
    .replaceAll(home.path, "HOME");
  if (Deno.env.get("UPDATE_GOLDENS")) {
    await Deno.mkdir(new URL(".", GOLDEN), { recursive: true });
    await Deno.writeTextFile(GOLDEN, stable);
  }
  assertEquals(stable, await Deno.readTextFile(GOLDEN));
  await home.ctr(["unpause", "held"]);
  assertEquals((await home.ctr(["rm", "-f", "made", "ended", "up", "held"])).status, 0);
});

async function prepare(home: CtrHome): Promise<void> {
  const sleeper = ["--stop-timeout", "0", BUSYBOX, "sleep", "600"];
  const lines = [
    ["volume", "create", "data"],
    ["volume", "create", "spare"],
    ["pull", ...QUIET, BUSYBOX],
    ["create", "--name", "made", BUSYBOX, "true"],
    ["run", "-d", "--name", "up", "-v", "data:/data", ...sleeper],
    ["run", "-d", "--name", "held", ...sleeper],
    ["pause", "held"],
  ];
  for (const line of lines) assertEquals((await home.ctr(line)).status, 0, line.join(" "));
  assertEquals(
    (await home.ctr(["run", "--name", "ended", BUSYBOX, "sh", "-c", "exit 3"])).status,
    3,
  );
}

/** Runs a command that has to fail, and holds what is true of every failure. */
async function fails(home: CtrHome, line: string): Promise<string> {
  const words = line.split(" ").map((word) => word === "IMG" ? BUSYBOX : word);
  const { status, stdout, stderr } = await home.ctr(words);
  const runs = /^(run|exec) /.test(line) || line.startsWith("start -a");
  const documented = runs ? [125, 126, 127] : [1, 2];
  assert(documented.includes(status), `${line}: ended with ${status}\n${stdout}${stderr}`);
  const [first = "", ...rest] = stderr.trimEnd().split("\n");
  assert(/^error: [a-z][^]*[^.\s]$/.test(first), `${line}: ${stderr}`);
  assert(!/defect|\bat .*:\d+:\d+|undefined|\[object/.test(stderr), `${line}: ${stderr}`);
  const hints = rest.filter((each) => !each.startsWith("hint: "));
  assertEquals([hints, stdout], [[], ""], `${line}: ${stderr}`);
  return `$ ctr ${line}\n${stderr}[${status}]\n\n`;
}
