import { runCtr } from "./ctr.ts";
import { assertGolden } from "./golden.ts";

/** None of these gets as far as an engine. */
const LINES = [
  "foo",
  "rnu",
  "--foo",
  "image pul",
  "image",
  "ls --al",
  "ls a b",
  "ls --format xml",
  "stop",
  "stop --all web",
  "stop -t soon web",
  "completion ksh",
  "run",
  "run --nme x busybox",
  "run -v /a:/b busybox",
  "run --mount type=bind busybox",
  "run -p 80:x busybox",
  "run --ssh busybox",
  "run --rosetta busybox",
  "run -m 512 busybox",
  "run -m 100M busybox",
  "run -m lots busybox",
  "run -c 0 busybox",
  "run -c 1.5 busybox",
  "run --name -x busybox",
  "run -e =1 busybox",
  "run --env-file /nonexistent busybox",
  "run -w here busybox",
  "run --uid -1 busybox",
  "run --ulimit nofile busybox",
  "run --ulimit foo=1 busybox",
  "run --ulimit nofile=2:1 busybox",
  "run --ulimit nofile=1 --ulimit nofile=2 busybox",
  "run --cap-add NET_NOTHING busybox",
  "run --tmpfs here busybox",
  "run --masked-path here busybox",
  "run --network host busybox",
  "run --dns nowhere busybox",
  "run --no-dns --dns 192.0.2.1 busybox",
  "run --dns 192.0.2.1 --no-dns busybox",
  "run --add-host db busybox",
  "run --platform linux busybox",
  "run --pull sometimes busybox",
  "run --detach-keys ctrl-ö busybox",
  "run --stop-timeout soon busybox",
  "run --label = busybox",
  "run --sysctl x busybox",
  "run --hostname -x- busybox",
  "exec",
  "exec web",
  "exec --foo web true",
  "start -a one two",
];

Deno.test("errors of usage", async () => {
  let text = "";
  for (const line of LINES) {
    const { status, stdout, stderr } = await runCtr("/nonexistent/home", line.split(" "));
    const shown = line === "image" ? "(help)\n" : stdout + stderr;
    text += `$ ctr ${line}\n${shown}[${status}]\n\n`;
  }
  await assertGolden(text, "errors.txt");
});
