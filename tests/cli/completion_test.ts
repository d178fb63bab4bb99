import { assert, assertEquals } from "./assert.ts";
import { runCtr } from "./ctr.ts";

/** Answers for the lines of the tests, as `ctr __complete` prints them. */
const STUB = `#!/bin/sh
case "$*" in
"__complete -- rm w") printf 'web\\trunning\\nworker\\texited\\n';;
"__complete -- cp w") printf 'web:\\trunning\\n';;
esac
`;

function installed(shell: string): boolean {
  try {
    return new Deno.Command(shell, { args: ["-c", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Runs `text` in a shell that has read ctr's script, with a stub in place of ctr. */
async function inShell(shell: string, text: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-shell-" });
  try {
    const { stdout: script } = await runCtr("/nonexistent/home", ["completion", shell]);
    await Deno.writeTextFile(`${folder}/script`, script);
    await Deno.writeTextFile(`${folder}/ctr`, STUB);
    await Deno.chmod(`${folder}/ctr`, 0o755);
    const { stdout, stderr } = await new Deno.Command(shell, {
      args: [...shell === "zsh" ? ["-f"] : [], "-c", text],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}`, HOME: folder, SCRIPT: `${folder}/script` },
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("bash completes names, without a blank behind a colon", async () => {
  const complete = (line: string, word: string) =>
    inShell(
      "bash",
      `source "$SCRIPT"; compopt() { echo "$2"; }
       COMP_LINE='${line}' COMP_POINT=${line.length}; _ctr ctr '${word}' x; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
  assertEquals(await complete("ctr rm w", "w"), "web\nworker\n");
  assertEquals(await complete("ctr cp w", "w"), "nospace\nweb:\n");
});

Deno.test({
  name: "fish completes names, and files where there are none (needs fish)",
  ignore: !installed("fish"),
}, async () => {
  const complete = (line: string) => inShell("fish", `source $SCRIPT; complete -C "${line}"`);
  assertEquals(await complete("ctr rm w"), "web\trunning\nworker\texited\n");
  assert((await complete("ctr save -o /et")).includes("/etc/"));
});

Deno.test({
  name: "zsh completes names, without a blank behind a colon (needs zsh)",
  ignore: !installed("zsh"),
}, async () => {
  const text = `
    zmodload zsh/zpty; zpty z zsh -f -i
    zpty -w z "PS1=''; autoload -Uz compinit; compinit -u -D; source $SCRIPT; print SET\\\${:-UP}"
    zpty -r z out '*SETUP*'
    zpty -w -n z $'ctr cp w\\t'; zpty -r z out '*web:*'
    zpty -w -n z $'X'; zpty -r z out '*X*'; print -r -- "$out"; zpty -d z`;
  assertEquals(await inShell("zsh", text), "X\n");
});
