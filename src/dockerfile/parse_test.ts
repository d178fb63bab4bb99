import assert from "node:assert/strict";
import { isCtrError } from "../core/mod.ts";
import { expandInstruction } from "./expand_instruction.ts";
import { parseDockerfile, parseOnbuild } from "./parse.ts";
import { titleOf } from "./title.ts";
import type { StageInstruction } from "./types.ts";

function parse(text: string) {
  return parseDockerfile(text, { name: "Dockerfile" });
}

/** The instructions of a stage that begins with FROM in the first line. */
function instructions(...lines: string[]): readonly StageInstruction[] {
  return parse(["FROM scratch", ...lines].join("\n")).stages[0]!.instructions;
}

/** The first one, without what every instruction has. */
function fields(...lines: string[]): Record<string, unknown> {
  const { range: _r, original: _o, text: _t, flags: _f, heredocs: _h, comments: _c, ...rest } =
    instructions(...lines)[0]!;
  return rest;
}

Deno.test("parseDockerfile() reads stages", () => {
  const { stages, globalArgs, directives } = parse(
    "#syntax = docker/dockerfile:1\n# ESCAPE=`\n# check=skip=A, B ;error=true\n\n" +
      "ARG V=1\nFROM --platform=$BUILDPLATFORM a:$V AS Base\nRUN x `\n  y\nfrom base\nCMD z\n",
  );
  assert.deepEqual(directives, {
    syntax: "docker/dockerfile:1",
    escape: "`",
    check: { skip: ["A", "B"], experimental: [], error: true },
  });
  assert.deepEqual(globalArgs.map(({ args }) => args), [[{ name: "V", value: "1" }]]);
  const [first, second] = stages;
  assert.equal(first!.name, "base");
  assert.equal(first!.base, "a:$V");
  assert.equal(first!.platform, "$BUILDPLATFORM");
  assert.deepEqual(first!.range, {
    start: { line: 6, column: 1 },
    end: { line: 6, column: 44 },
  });
  assert.equal(first!.instructions[0]!.text, "RUN x   y");
  assert.equal(second!.name, undefined);
  assert.equal(second!.words.from, "from");
});

Deno.test("lines go on where they end in the escape character", async (t) => {
  const command = (...lines: string[]) => fields(...lines)["command"];
  await t.step("comments and empty lines in between are left out", () => {
    assert.deepEqual(command("RUN a \\", "  # c", "", "  b \\  ", "c"), {
      form: "shell",
      line: "a   b c",
    });
  });
  await t.step("a doubled one is one", () => {
    assert.deepEqual(instructions("RUN a \\\\", "CMD b").map(({ keyword }) => keyword), [
      "RUN",
      "CMD",
    ]);
  });
  await t.step("carriage returns do not matter", () => {
    assert.deepEqual(command("RUN a \\\r", "b\r"), { form: "shell", line: "a b" });
  });
  await t.step("the file may end there", () => {
    assert.deepEqual(command("RUN a \\"), { form: "shell", line: "a" });
  });
  await t.step("places are those of the file", () => {
    const [run] = instructions("  RUN --mount=type=tmpfs,target=/a \\", "    --network=none b");
    assert.deepEqual(run!.range.start, { line: 2, column: 3 });
    assert.deepEqual(run!.flags.map(({ range }) => range.start), [
      { line: 2, column: 7 },
      { line: 3, column: 5 },
    ]);
    assert.deepEqual(run!.range.end, { line: 3, column: 21 });
  });
});

Deno.test("heredocs", async (t) => {
  await t.step("a heredoc alone is the script", () => {
    assert.deepEqual(fields("RUN <<EOF", "a", "EOF")["command"], {
      form: "script",
      name: "EOF",
      content: "a\n",
    });
  });
  await t.step("others are for the shell, as they are written", () => {
    assert.deepEqual(fields("RUN cat <<-A 3<<'B' && x", "\ta", "\tA", "b", "B")["command"], {
      form: "shell",
      line: "cat <<-A 3<<'B' && x\n\ta\nA\nb\nB",
    });
  });
  await t.step("COPY takes several, quoted ones without variables", () => {
    const copy = fields('COPY <<a <<-"b" c /d/', "1", "a", "\t2", "\tb");
    assert.deepEqual(copy["inline"], [
      { name: "a", content: "1\n", expand: true },
      { name: "b", content: "2\n", expand: false },
    ]);
    assert.deepEqual([copy["sources"], copy["destination"]], [["c"], "/d/"]);
  });
  await t.step("<<< and << alone are none", () => {
    assert.deepEqual(instructions("RUN a <<< b", "RUN c << d").length, 2);
  });
  await t.step("not in JSON, not in other instructions", () => {
    assert.deepEqual(instructions('RUN ["a", "<<EOF"]', "LABEL a=<<EOF").length, 2);
  });
  await t.step("ONBUILD keeps them", () => {
    const trigger = fields("ONBUILD RUN <<EOF", "a", "EOF")["trigger"] as string;
    assert.equal(trigger, "RUN <<EOF\na\nEOF");
    assert.deepEqual(parseOnbuild(trigger, "x").heredocs[0]!.content, "a\n");
  });
});

Deno.test("instructions", async (t) => {
  const cases: [line: string, fields: Record<string, unknown>][] = [
    ["CMD a b", { command: { form: "shell", line: "a b" } }],
    ['CMD ["a", "b c"]', { command: { form: "exec", args: ["a", "b c"] } }],
    ["CMD []", { command: { form: "exec", args: [] } }],
    ["CMD ['a']", { command: { form: "shell", line: "['a']" } }],
    ["run [ -f x ] && y", { command: { form: "shell", line: "[ -f x ] && y" } }],
    ['ENTRYPOINT ["a"]', { command: { form: "exec", args: ["a"] } }],
    ['ENV a=1 b="c d" e=f\\ g h=', {
      pairs: [
        { key: "a", value: "1" },
        { key: "b", value: '"c d"' },
        { key: "e", value: "f\\ g" },
        { key: "h", value: "" },
      ],
      legacy: false,
    }],
    ["ENV a  b c", { pairs: [{ key: "a", value: "b c" }], legacy: true }],
    ["ARG a b=c d=", {
      args: [
        { name: "a", value: undefined },
        { name: "b", value: "c" },
        { name: "d", value: "" },
      ],
    }],
    ["EXPOSE 80 90-91/udp", { values: ["80", "90-91/udp"] }],
    ['VOLUME ["/a b", "/c"]', { values: ["/a b", "/c"] }],
    ["VOLUME /a /c", { values: ["/a", "/c"] }],
    ["WORKDIR /a b", { value: "/a b" }],
    ['SHELL ["/bin/bash", "-c"]', { args: ["/bin/bash", "-c"] }],
    ["HEALTHCHECK NONE", { command: undefined, intervalMs: undefined }],
    ["HEALTHCHECK --interval=1m30s --retries=3 CMD curl x", {
      command: { form: "shell", line: "curl x" },
      intervalMs: 90_000,
      retries: 3,
    }],
    ["COPY --from=x --chown=1:2 --chmod=755 --link a b c/", {
      sources: ["a", "b"],
      destination: "c/",
      from: "x",
      chown: "1:2",
      chmod: "755",
      link: true,
      parents: false,
    }],
    ['COPY --exclude=*.a --exclude=b ["x y", "z"]', {
      sources: ["x y"],
      destination: "z",
      exclude: ["*.a", "b"],
    }],
    ["ADD --checksum=sha256:0 --keep-git-dir=false --unpack https://a b", {
      checksum: "sha256:0",
      keepGitDir: false,
      unpack: true,
    }],
    ["RUN --mount=type=secret,id=a --mount=target=/b --network=none --security=insecure c", {
      mounts: ["type=secret,id=a", "target=/b"],
      network: "none",
      security: "insecure",
      command: { form: "shell", line: "c" },
    }],
  ];
  for (const [line, expected] of cases) {
    await t.step(line, () => assert.deepEqual({ ...fields(line), ...expected }, fields(line)));
  }
});

Deno.test("titleOf() says in a line what an instruction does", () => {
  const title = (...lines: string[]) => titleOf(instructions(...lines)[0]!);
  assert.equal(title("RUN a \\", "   b"), "RUN a b");
  assert.equal(title("RUN <<E", "#!/bin/sh", "set -e", "  make", "E"), "RUN <<E (set -e; make)");
  assert.equal(title(`RUN ${"é".repeat(300)}`).length, 200);
});

Deno.test("mistakes are told with their places", async (t) => {
  const cases: [text: string, message: string, hint?: string][] = [
    ["", "1:1: it has no instructions"],
    ["ARG a", "1:1: it has no FROM"],
    ["RUN a", "1:1: RUN is before FROM", "the first instruction is FROM, or ARG before it"],
    ["FROM a\n  RUM b", '2:3: there is no instruction "RUM"', "did you mean RUN?"],
    ["FROM a b", '1:8: FROM has more than an image: "b"', "write FROM image AS name"],
    ["FROM a AS", '1:8: FROM has more than an image: "AS"', "write FROM image AS name"],
    ["FROM a AS 1", '1:11: a stage cannot be named "1"'],
    ["FROM", "1:1: FROM has no image"],
    ["FROM a\nCOPY b", "2:1: COPY has no destination"],
    ["FROM a\nCOPY --form=x b c", "2:6: COPY has no flag --form", "did you mean --from?"],
    ["FROM a\nCOPY --from=$x b c", "2:1: --from takes no variables"],
    ["FROM a\nCOPY --chown b c", "2:6: --chown has no value", "write --chown=…"],
    ["FROM a\nCOPY --link=x b c", '2:6: --link is "x"', "it is true or false"],
    ["FROM a\nCOPY --link --link b c", "2:13: --link is there twice"],
    ["FROM a\nCOPY a <<EOF", '2:8: the heredoc "EOF" has no end'],
    ["FROM a\nENV x", '2:5: ENV "x" has no value', "write ENV x=…"],
    ["FROM a\nENV x=1 y", '2:9: ENV "y" has no ='],
    ["FROM a\nENV =1", '2:5: ENV "=1" has no name'],
    ["FROM a\nRUN", "2:1: RUN has no command"],
    ["FROM a\nRUN --network=x b", '2:5: --network is "x"', "want default or none or host"],
    ['FROM a\nCMD ["a", 1]', "2:1: the array of CMD has something else than strings in it"],
    ["FROM a\nSHELL a", "2:1: SHELL takes a JSON array"],
    ["FROM a\nHEALTHCHECK x", '2:1: HEALTHCHECK "x" is neither CMD nor NONE'],
    ["FROM a\nHEALTHCHECK --interval=1 CMD x", '2:13: --interval is "1": want a time such as'],
    ["FROM a\nONBUILD FROM b", "2:9: FROM cannot follow ONBUILD"],
    ["FROM a\nONBUILD COPY b", "2:9: COPY has no destination"],
    ["FROM a\nUSER", "2:1: USER has no value"],
    ["# escape=x\nFROM a", '1:1: the escape character is "x"', "it is \\ or `"],
    ["# escape=`\n# escape=`\nFROM a", '2:1: the directive "escape" is there twice'],
    ["# check=skp=a\nFROM a", '1:1: there is no check option "skp"'],
    ["# syntax=example/nix\nFROM a", '1:1: it is for the frontend "example/nix"'],
  ];
  for (const [text, message, hint] of cases) {
    await t.step(JSON.stringify(text), () => {
      assert.throws(() => parse(text), (error: unknown) => {
        assert(isCtrError(error));
        const expected = `cannot build "Dockerfile:${message.replace(": ", '": ')}`;
        assert.equal(error.message.slice(0, expected.length), expected);
        if (hint !== undefined) assert.equal(error.hint, hint);
        return true;
      });
    });
  }
});

Deno.test("expandInstruction() expands what Docker expands", () => {
  const values: Readonly<Record<string, string>> = { a: "1", s: "x y", c: "p,q" };
  const expand = (line: string) => {
    const [instruction] = instructions(...line.split("\n"));
    const options = { file: "Dockerfile", lookup: (name: string) => values[name] };
    return expandInstruction(instruction!, options) as unknown as Record<string, unknown>;
  };
  assert.deepEqual(expand('ENV b="$s" $a=c')["pairs"], [{ key: "b", value: "x y" }, {
    key: "1",
    value: "c",
  }]);
  assert.deepEqual(expand("EXPOSE $s 3")["values"], ["x", "y", "3"]);
  assert.deepEqual(expand("VOLUME $s")["values"], ["x y"]);
  assert.deepEqual(expand("COPY --chown=$a --chmod=$a $s /$a")["sources"], ["x y"]);
  assert.deepEqual(expand("CMD $a")["command"], { form: "shell", line: "$a" });
  assert.deepEqual(expand("RUN --mount=type=bind,target=/$a,source=$c x")["mounts"], [
    'type=bind,target=/1,"source=p,q"',
  ]);
  assert.deepEqual(expand('COPY <<x <<"y" /\n"$a"\nx\n"$a"\ny')["inline"], [
    { name: "x", content: '"1"\n', expand: false },
    { name: "y", content: '"$a"\n', expand: false },
  ]);
  for (const signal of ["SIGQUIT", "quit", "9", "SIGRTMIN+3", "RTMAX-30"]) {
    assert.equal(expand(`STOPSIGNAL ${signal}`)["value"], signal);
  }
  for (const signal of ["SIGNOTHING", "0", "65", "RTMIN+31", "$nothing"]) {
    assert.throws(() => expand(`STOPSIGNAL ${signal}`), /there is no signal/, signal);
  }
  assert.throws(() => expand("WORKDIR ${a:"), {
    message: 'cannot build "Dockerfile:2:1": "${a:" has a modifier that does not exist',
  });
});
