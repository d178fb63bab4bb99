/**
 * `deno task bench <name>… [--quick]`: runs `bench/<name>/<name>.ts`, whose `run(args)` prints its
 * table and returns false when a promise is broken.
 */
const NAMES = [
  "start",
  "unpack",
  "pull",
  "images",
  "exec",
  "mount",
  "volume",
  "cp",
  "df",
  "stdio",
  "cli",
  "memory",
  "stats",
  "many",
  "logs",
  "net",
  "build",
  "machine",
];

const names = Deno.args.filter((arg) => !arg.startsWith("-"));
const args = Deno.args.filter((arg) => arg.startsWith("-"));
const unknown = names.find((name) => !NAMES.includes(name));
if (names.length === 0 || unknown !== undefined) {
  if (unknown !== undefined) console.error(`error: there is no bench "${unknown}"`);
  console.error(`usage: deno task bench ${NAMES.join("|")} [--quick]`);
  Deno.exit(2);
}

let kept = true;
for (const name of names) {
  const bench: { run(args: string[]): Promise<boolean | void> } = await import(
    new URL(`./${name}/${name}.ts`, import.meta.url).href
  );
  kept = (await bench.run(args)) !== false && kept;
}
Deno.exit(kept ? 0 : 1);
