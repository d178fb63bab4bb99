/**
 * Makes a release in dist/release: an archive for each target with its manual pages, completions and licence
 * notices, checksums, a list of components (SPDX), a Homebrew formula and install.sh.
 *
 *   deno task release [--target TARGET]... [--portable] [--program TARGET=FILE]... [--base URL] [--date YYYY-MM-DD]
 *
 * `--program` takes a file that scripts/compile has made, elsewhere perhaps, instead of making one.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CTR_VERSION } from "../../src/api/mod.ts";
import { createApp } from "../../src/cli/app.ts";
import { completionScript } from "../../src/cli/completion_script.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { components } from "./components.ts";
import { notices, spdx } from "./documents.ts";
import { type Archive, formula } from "./formula.ts";
import { manualPages } from "./man.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const TARGETS = ["aarch64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];
const BASE = "https://github.com/ctr-dev/ctr/releases/download";
const COMPLETIONS = { bash: "ctr.bash", zsh: "_ctr", fish: "ctr.fish" } as const;

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    portable: { type: "boolean" },
    program: { type: "string", multiple: true, default: [] },
    base: { type: "string", default: `${BASE}/v${CTR_VERSION}` },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    output: { type: "string", default: join(ROOT, "dist/release") },
  },
});
const { output, date } = values;
await Deno.remove(output, { recursive: true }).catch(() => {});
await Deno.mkdir(output, { recursive: true });

const parts = await components();
const shared = join(output, "shared");
await writeShared();
const archives: Archive[] = [];
for (const target of values.target ?? TARGETS) archives.push(await archive(target));
await Deno.remove(shared, { recursive: true });

await write("ctr.spdx.json", spdx(CTR_VERSION, parts, new Date(`${date}T00:00:00Z`)));
await write("NOTICES", notices(CTR_VERSION, parts));
await write("ctr.rb", formula(CTR_VERSION, values.base, archives));
const installer = await Deno.readTextFile(join(ROOT, "scripts/install.sh"));
await write(
  "install.sh",
  installer.replaceAll("@VERSION@", CTR_VERSION).replaceAll("@BASE@", values.base),
);
await Deno.chmod(join(output, "install.sh"), 0o755);
const names = (await Array.fromAsync(Deno.readDir(output), ({ name }) => name)).sort();
const sums = await Promise.all(
  names.map(async (name) => `${await sha256(join(output, name))}  ${name}\n`),
);
await write("SHA256SUMS", sums.join(""));
for (const name of [...names, "SHA256SUMS"]) console.log(join(output, name));

/** What every archive holds beside the program. */
async function writeShared(): Promise<void> {
  for (const folder of ["man/man1", "completions"]) {
    await Deno.mkdir(join(shared, folder), { recursive: true });
  }
  for (const [name, text] of manualPages(buildProgram(createApp()), CTR_VERSION, date)) {
    await Deno.writeTextFile(join(shared, "man/man1", name), text);
  }
  for (const [shell, name] of Object.entries(COMPLETIONS)) {
    await Deno.writeTextFile(join(shared, "completions", name), completionScript(shell));
  }
  await Deno.writeTextFile(join(shared, "NOTICES"), notices(CTR_VERSION, parts));
  for (const name of ["LICENSE", "README.md"]) {
    await Deno.copyFile(join(ROOT, name), join(shared, name));
  }
}

async function archive(target: string): Promise<Archive> {
  const stem = `ctr-${CTR_VERSION}-${target}`;
  const folder = join(output, stem);
  await run("cp", "-R", shared, folder);
  const program = join(folder, "ctr");
  const made = values.program.find((each) => each.startsWith(`${target}=`));
  if (made) await run("cp", made.slice(target.length + 1), program);
  else await compile(target, program);
  await Deno.chmod(program, 0o755);
  const name = `${stem}.tar.gz`;
  // The same input gives the same bytes; the program is compressed already.
  const script =
    'tar --sort=name --mtime="$1" --owner=0 --group=0 --numeric-owner -C "$2" -cf - "$3" | gzip -n -1 > "$4"';
  await run("sh", "-c", script, "sh", `${date} 00:00Z`, output, stem, join(output, name));
  await Deno.remove(folder, { recursive: true });
  return { target, name, sha256: await sha256(join(output, name)) };
}

async function compile(target: string, output: string): Promise<void> {
  const how = values.portable ? ["--portable"] : [];
  await run(join(ROOT, "scripts/compile"), "--target", target, ...how, "--output", output);
}

async function write(name: string, text: string): Promise<void> {
  await Deno.writeTextFile(join(output, name), text);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of (await Deno.open(path)).readable) hash.update(chunk);
  return hash.digest("hex");
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "inherit" })
    .spawn().status;
  if (success) return;
  console.error(`error: cannot make the release: ${command} failed`);
  Deno.exit(1);
}
