import assert from "node:assert/strict";
import { join } from "node:path";
import { licenceOf } from "../../scripts/release/components.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const TARGETS = ["aarch64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];
const FAKE = '#!/bin/sh\necho "ctr version 0.1.0"\n';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const has = async (program: string) =>
  (await run("sh", ["-c", `command -v ${program}`])).code === 0;

/** A release whose programs are scripts: what is compiled is tested elsewhere. */
async function release(folder: string): Promise<string> {
  await Deno.writeTextFile(join(folder, "program"), FAKE);
  const output = join(folder, "release");
  const made = await run(Deno.execPath(), [
    ...["run", "-A", "--no-check", "--quiet", join(ROOT, "scripts/release/main.ts")],
    ...["--output", output, "--date", "2026-01-02", "--base", "https://example.com/releases/v1"],
    ...TARGETS.flatMap((target) => ["--program", `${target}=${join(folder, "program")}`]),
  ]);
  assert.equal(made.code, 0, made.stderr);
  return output;
}

Deno.test("a release", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-release-" });
  const output = await release(folder);
  const read = (name: string) => Deno.readTextFile(join(output, name));
  const stem = (target: string) => `ctr-0.1.0-${target}`;

  await t.step("has an archive for each target, and sums that are right", async () => {
    const names = (await Array.fromAsync(Deno.readDir(output), ({ name }) => name)).sort();
    assert.deepEqual(
      names,
      [
        "NOTICES",
        "SHA256SUMS",
        "ctr.rb",
        "ctr.spdx.json",
        "install.sh",
        ...TARGETS.map((target) => `${stem(target)}.tar.gz`),
      ].sort(),
    );
    const { code } = await run("sh", ["-c", `cd "${output}" && sha256sum -c SHA256SUMS`]);
    assert.equal(code, 0);
  });

  await t.step("whose archives hold program, manual, completions and notices", async () => {
    const { stdout } = await run("tar", ["-tzf", join(output, `${stem(TARGETS[0]!)}.tar.gz`)]);
    const held = stdout.trim().split("\n").map((path) => path.slice(stem(TARGETS[0]!).length + 1));
    for (const path of ["ctr", "LICENSE", "NOTICES", "README.md", "man/man1/ctr.1"]) {
      assert.ok(held.includes(path), path);
    }
    assert.ok(held.includes("man/man1/ctr-image-pull.1"));
    assert.ok(!held.includes("man/man1/ctr-engine.1"), "a hidden command has a page");
    assert.deepEqual(held.filter((path) => path.startsWith("completions/c")).sort(), [
      "completions/ctr.bash",
      "completions/ctr.fish",
    ]);
  });

  await t.step("is the same, byte by byte, when it is made again", async () => {
    const before = await read("SHA256SUMS");
    await Deno.remove(output, { recursive: true });
    await release(folder);
    assert.equal(await read("SHA256SUMS"), before);
  });

  await t.step("names every component with its licence, and passes the texts on", async () => {
    const { packages, relationships } = JSON.parse(await read("ctr.spdx.json"));
    const names = packages.map(({ name }: { name: string }) => name);
    for (const name of ["ctr", "Deno", "Linux", "commander", "zod", "golang.org/x/sys"]) {
      assert.ok(names.includes(name), name);
    }
    for (const name of ["ajv", "fast-check"]) assert.ok(!names.includes(name), name);
    assert.equal(relationships.length, packages.length);
    const unknown = packages.filter(({ licenseDeclared }: { licenseDeclared: string }) =>
      licenseDeclared === "NOASSERTION"
    );
    assert.deepEqual(unknown, []);
    const notices = await read("NOTICES");
    for (const name of names.slice(1)) assert.ok(notices.includes(`\n${name} `), name);
    assert.match(notices, /GNU GENERAL PUBLIC LICENSE/);
  });

  await t.step("has manual pages that a formatter reads", async () => {
    await run("tar", ["-xzf", join(output, `${stem(TARGETS[2]!)}.tar.gz`), "-C", folder]);
    const man = join(folder, stem(TARGETS[2]!), "man/man1");
    const page = await Deno.readTextFile(join(man, "ctr-run.1"));
    for (const section of ["NAME", "SYNOPSIS", "OPTIONS", "SEE ALSO"]) {
      assert.ok(page.includes(`.SH ${section}\n`), section);
    }
    assert.ok(page.includes("\\fB\\-\\-publish") || page.includes("\\-\\-publish"));
    for await (const { name } of Deno.readDir(man)) {
      for (const line of (await Deno.readTextFile(join(man, name))).split("\n")) {
        // A line that begins like a request is one of ours.
        if (/^[.']/.test(line)) assert.match(line, /^\.(TH|SH|TP|PP|B)\b/, `${name}: ${line}`);
      }
    }
  });

  await t.step("is installed by its formula", async (t) => {
    if (!await has("ruby")) return console.log("skipped: there is no ruby");
    const path = join(output, "ctr.rb");
    const text = await read("ctr.rb");
    for (const target of TARGETS) {
      const sum = new RegExp(`^([0-9a-f]{64})  ${stem(target)}`, "m").exec(
        await read("SHA256SUMS"),
      )?.[1];
      assert.ok(text.includes(`${stem(target)}.tar.gz"\n      sha256 "${sum}"`), target);
    }
    await t.step("which is Ruby", async () => {
      assert.equal((await run("ruby", ["-c", path])).stdout, "Syntax OK\n");
    });
    await t.step("whose steps put everything in its place", async () => {
      const prefix = join(folder, "brew");
      const rehearsal = await run("ruby", [
        join(ROOT, "scripts/homebrew/rehearse.rb"),
        path,
        join(folder, stem(TARGETS[2]!)),
        prefix,
      ]);
      assert.equal(rehearsal.code, 0, rehearsal.stderr);
      for (
        const file of [
          "bin/ctr",
          "share/man/man1/ctr-run.1",
          "etc/bash_completion.d/ctr",
          "share/zsh/site-functions/_ctr",
          "share/fish/vendor_completions.d/ctr.fish",
          "share/doc/ctr/NOTICES",
        ]
      ) assert.ok((await Deno.stat(join(prefix, file))).isFile, file);
    });
  });

  await t.step("is installed by install.sh, which says where", async () => {
    const home = join(folder, "home");
    const env = { HOME: home, CTR_INSTALL_BASE: output };
    const { code, stdout, stderr } = await run("sh", [join(output, "install.sh")], env);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${home}/.local/bin/ctr\n`);
    assert.match(stderr, /is not in PATH/);
    assert.equal((await run(`${home}/.local/bin/ctr`, ["version"])).stdout, "ctr version 0.1.0\n");
    assert.ok((await Deno.stat(`${home}/.local/share/man/man1/ctr.1`)).isFile);
    const again = await run("sh", [join(output, "install.sh")], {
      ...env,
      PREFIX: join(folder, "p"),
    });
    assert.equal(again.stdout, `${join(folder, "p")}/bin/ctr\n`);
  });

  await t.step("is refused by install.sh when an archive is damaged or missing", async () => {
    const bad = join(folder, "bad");
    await run("cp", ["-R", output, bad]);
    const env = { HOME: join(folder, "nobody"), CTR_INSTALL_BASE: bad };
    const name = (await Array.fromAsync(Deno.readDir(bad), ({ name }) => name))
      .filter((name) => name.endsWith(".tar.gz"));
    for (const each of name) await Deno.writeTextFile(join(bad, each), "damage", { append: true });
    const damaged = await run("sh", [join(output, "install.sh")], env);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stderr, /is damaged/);
    for (const each of name) await Deno.remove(join(bad, each));
    const missing = await run("sh", [join(output, "install.sh")], env);
    assert.match(missing.stderr, /cannot be fetched/);
    await assert.rejects(Deno.stat(join(folder, "nobody/.local")));
  });

  await Deno.remove(folder, { recursive: true });
});

Deno.test("licences of Go modules are told by their texts", () => {
  assert.equal(licenceOf("Apache License\nVersion 2.0"), "Apache-2.0");
  assert.equal(licenceOf("Permission is hereby granted, free of charge, to"), "MIT");
  const bsd = "Redistribution and use in source and binary forms, with or without";
  assert.equal(licenceOf(bsd), "BSD-2-Clause");
  assert.equal(licenceOf(`${bsd}\nNeither the name of Google`), "BSD-3-Clause");
  assert.equal(licenceOf("All rights reserved"), "NOASSERTION");
});
