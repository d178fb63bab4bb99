import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url).pathname;
const FILES = [
  ".github/workflows/build.yml",
  ".github/workflows/release.yml",
  ".github/actions/setup-ctr/action.yml",
];

/** Ruby's YAML reads what GitHub's does. */
async function parsed(path: string): Promise<unknown> {
  const script = "require 'yaml'; require 'json'; puts JSON.generate(YAML.load_file(ARGV[0]))";
  const { success, stdout, stderr } = await new Deno.Command("ruby", {
    args: ["-e", script, ROOT + path],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Every step's shell lines. */
function* scripts(value: unknown): Generator<string> {
  if (Array.isArray(value)) { for (const each of value) yield* scripts(each); }
  else if (value !== null && typeof value === "object") {
    for (const [key, each] of Object.entries(value)) {
      if (key === "run" && typeof each === "string") yield each;
      else yield* scripts(each);
    }
  }
}

const ruby = await new Deno.Command("sh", { args: ["-c", "command -v ruby"], stdout: "null" })
  .output().then(({ success }) => success);
const name = "workflows are YAML, their scripts are shell, and name files that are there";

Deno.test({
  name: ruby ? name : `${name} (skipped: there is no ruby)`,
  ignore: !ruby,
  async fn(t) {
    for (const path of FILES) {
      await t.step(path, async () => {
        const found = [...scripts(await parsed(path))];
        assert.ok(found.length > 0);
        for (const script of found) {
          const plain = script.replace(/\$\{\{.*?\}\}/g, "x");
          const { success, stderr } = await new Deno.Command("bash", { args: ["-n", "-c", plain] })
            .output();
          assert.ok(success, `${new TextDecoder().decode(stderr)}\n${script}`);
          for (const [, file] of plain.matchAll(/\.\/((?:scripts|ffi|netd|kernel)\/\w+)/g)) {
            assert.ok((await Deno.stat(ROOT + file)).isFile, file);
          }
        }
      });
    }
  },
});
