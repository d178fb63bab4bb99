import { hostArchitecture, ownCommand } from "../host/mod.ts";
import { expect, output, Skipped, type Trial } from "./selftest_trial.ts";

/** What containers of an image with a shell and BusyBox's programs must do. */
export function containerTrials(image: string | undefined): Trial[] {
  const names: readonly (readonly [string, (image: string) => Promise<string>])[] = [
    ["container", container],
    ["disk after a kill", disk],
    ["network", network],
    ["published port", published],
    ["shared folder", share],
    ["amd64", amd64],
  ];
  return names.map(([name, run]) => ({
    name,
    run: () => {
      if (image === undefined) throw new Skipped("it takes an image: --image alpine");
      return run(image);
    },
  }));
}

async function container(image: string): Promise<string> {
  const { code, text, said } = await ctr("run", "--rm", image, "uname", "-srm");
  expect(code === 0, said);
  return text;
}

/** What was synced before the power went must be there. */
async function disk(image: string): Promise<string> {
  const name = unique();
  const script = "[ -f /sum ] && md5sum -c /sum && exit; " +
    "dd if=/dev/urandom of=/data bs=1M count=64 && md5sum /data > /sum && sync && echo synced; sleep 1d";
  try {
    const { code, said } = await ctr("run", "-d", "--name", name, image, "sh", "-c", script);
    expect(code === 0, said);
    for (let n = 0; !(await ctr("logs", name)).text.includes("synced"); n++) {
      expect(n < 120, "64 MiB were not written within a minute");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await ctr("kill", name);
    const again = await ctr("start", "-a", name);
    expect(again.text.includes("OK"), `after the kill: ${again.text} ${again.said}`);
    return "64 MiB that were synced are whole";
  } finally {
    await ctr("rm", "-f", name);
  }
}

async function network(image: string): Promise<string> {
  const name = unique();
  const serve = "while :; do echo pong | nc -l -p 7000; done";
  try {
    const { code, said } = await ctr("run", "-d", "--name", name, image, "sh", "-c", serve);
    expect(code === 0, said);
    const call =
      `for n in 1 2 3 4 5; do nc -w 2 ${name} 7000 < /dev/null && exit; sleep 1; done; exit 1`;
    const peer = await ctr("run", "--rm", image, "sh", "-c", call);
    expect(peer.text.includes("pong"), `a container does not reach another: ${peer.said}`);
    return "a container reaches another by its name";
  } finally {
    await ctr("rm", "-f", name);
  }
}

async function published(image: string): Promise<string> {
  const name = unique();
  const serve = "while :; do echo pong | nc -l -p 7000; done";
  try {
    const { code, said } = await ctr(
      "run",
      "-d",
      "--name",
      name,
      "-p",
      "127.0.0.1::7000",
      image,
      "sh",
      "-c",
      serve,
    );
    expect(code === 0, said);
    const { text } = await ctr("port", name, "7000");
    const port = Number(text.split("\n")[0]?.split(":").at(-1));
    for (let n = 0; n < 20; n++) {
      const got = await read(port).catch(() => "");
      if (got.includes("pong")) return `this host reaches it at 127.0.0.1:${port}`;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error(`this host does not reach it at 127.0.0.1:${port}`);
  } finally {
    await ctr("rm", "-f", name);
  }
}

async function read(port: number): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new Uint8Array(64);
  const count = await connection.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, count ?? 0));
}

async function share(image: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-selftest-" });
  try {
    await Deno.writeTextFile(`${folder}/from-host`, "hello");
    const script = "cat /d/from-host && echo back > /d/from-guest";
    const { code, text, said } = await ctr(
      "run",
      "--rm",
      "-v",
      `${folder}:/d`,
      image,
      "sh",
      "-c",
      script,
    );
    expect(code === 0 && text === "hello", `${text} ${said}`);
    expect(
      await Deno.readTextFile(`${folder}/from-guest`) === "back\n",
      "the host does not see it",
    );
    return "both sides see the other's files";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function amd64(image: string): Promise<string> {
  if (hostArchitecture() === "amd64") throw new Skipped("it is this host's own");
  const { code, text, said } = await ctr(
    "run",
    "--rm",
    "--platform",
    "linux/amd64",
    image,
    "uname",
    "-m",
  );
  expect(code === 0 && text === "x86_64", `${text} ${said}`);
  return text;
}

async function ctr(...args: string[]) {
  const [command, ...own] = ownCommand("");
  return await output(command!, ...own.filter((word) => word !== ""), ...args);
}

function unique(): string {
  return `selftest-${crypto.randomUUID().slice(0, 8)}`;
}
