import { join } from "node:path";

/** Somebody else's work that is in the file. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly licence: string;
  /** Package URL. */
  readonly purl: string;
  /** All that its licence wants to be passed on. */
  readonly text: string;
}

const ROOT = new URL("../../", import.meta.url).pathname;
/** Imported by tests alone. */
const TEST_ONLY = new Set(["ajv", "fast-check"]);
const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.\w+)?$/i;

/** Everything that is embedded, by name. */
export async function components(): Promise<Component[]> {
  const [npm, go] = await Promise.all([npmComponents(), goComponents()]);
  return [...npm, ...go, ...await nativeComponents()]
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

async function npmComponents(): Promise<Component[]> {
  const lock = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const { npmCache } = JSON.parse(await run(Deno.execPath(), "info", "--json"));
  const packages: Record<string, { dependencies?: string[] }> = lock.npm;
  const keyOf = (name: string) =>
    Object.keys(packages).find((key) => key === name || key.startsWith(`${name}@`));
  const found = new Map<string, Promise<Component>>();
  const visit = (name: string) => {
    const key = keyOf(name);
    if (!key) throw new Error(`deno.lock does not know ${name}`);
    if (found.has(key)) return;
    found.set(key, npmComponent(npmCache, key));
    packages[key]?.dependencies?.forEach(visit);
  };
  for (const [name, specifier] of Object.entries(imports)) {
    if (!TEST_ONLY.has(name) && String(specifier).startsWith("npm:")) visit(name);
  }
  return await Promise.all(found.values());
}

async function npmComponent(cache: string, key: string): Promise<Component> {
  const at = key.lastIndexOf("@");
  const [name, version] = [key.slice(0, at), key.slice(at + 1)];
  const folder = await cached(cache, name, version);
  const { license } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
  return {
    name,
    version,
    licence: String(license),
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    text: await licenceText(folder) ?? `Published under ${license}, without a licence file.`,
  };
}

/** Deno keeps packages by the host that they came from. */
async function cached(cache: string, name: string, version: string): Promise<string> {
  for await (const host of Deno.readDir(cache)) {
    const folder = join(cache, host.name, name, version);
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`${name}@${version} is not in Deno's cache: run scripts/setup`);
}

async function goComponents(): Promise<Component[]> {
  const found = new Map<string, Component>();
  for (const module of ["guest", "netd"]) {
    const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}";
    const lines = await run(
      "go",
      "-C",
      join(ROOT, module),
      "list",
      "-deps",
      "-f",
      format,
      "./cmd/...",
    );
    for (const line of new Set(lines.split("\n").filter(Boolean))) {
      const [path, version, folder] = line.split(" ") as [string, string, string];
      const text = await licenceText(folder);
      if (!text) throw new Error(`${path} has no licence file`);
      const purl = `pkg:golang/${path}@${version}`;
      found.set(path, { name: path, version, licence: licenceOf(text), purl, text });
    }
  }
  const goroot = (await run("go", "env", "GOROOT")).trim();
  const version = (await run("go", "env", "GOVERSION")).trim().replace(/^go/, "");
  const text = await licenceText(goroot) ?? GO_LICENCE;
  const purl = `pkg:golang/std@${version}`;
  found.set("std", { name: "Go standard library", version, licence: "BSD-3-Clause", purl, text });
  return [...found.values()];
}

/** Programs that are taken as they are. */
async function nativeComponents(): Promise<Component[]> {
  const tools = await Deno.readTextFile(join(ROOT, "scripts/tools.txt"));
  const deno = /^deno (\S+)$/m.exec(tools)?.[1] ?? "unknown";
  const source = await Array.fromAsync(Deno.readDir("/usr/src"), ({ name }) => name)
    .then((names) => names.find((name) => /^linux-source-[\d.]+\.tar/.test(name))).catch(() =>
      undefined
    );
  const linux = /linux-source-([\d.]+)\.tar/.exec(source ?? "linux-source-6.12.tar")?.[1] ?? "6.12";
  const gpl = await Deno.readTextFile("/usr/share/common-licenses/GPL-2").catch(() => "");
  return [
    {
      name: "Deno",
      version: deno,
      licence: "MIT",
      purl: `pkg:github/denoland/deno@v${deno}`,
      text: DENO_LICENCE,
    },
    {
      name: "Linux",
      version: linux,
      licence: "GPL-2.0-only WITH Linux-syscall-note",
      purl: `pkg:deb/debian/linux-source-${linux}`,
      text:
        `The guest's kernel is Debian's linux-source-${linux} with the configuration and the patches in the folder
kernel/ of ctr's source, which builds it (kernel/build): that is its corresponding source, offered for as
long as this version of ctr is. The system call note lets programs use the kernel under licences of their own.

${
          gpl ||
          "The GNU General Public License, version 2: https://www.gnu.org/licenses/old-licenses/gpl-2.0.txt"
        }`,
    },
  ];
}

async function licenceText(folder: string): Promise<string | undefined> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const texts = await Promise.all(
    names.filter((name) => LICENCE_FILE.test(name)).sort()
      .map((name) => Deno.readTextFile(join(folder, name))),
  );
  return texts.length > 0 ? texts.map((text) => text.trim()).join("\n\n") : undefined;
}

/** Go modules do not say it in one word. */
export function licenceOf(text: string): string {
  if (/Apache License/.test(text)) return "Apache-2.0";
  if (/Mozilla Public License/.test(text)) return "MPL-2.0";
  if (/Redistribution and use in source and binary forms/.test(text)) {
    return /Neither the name|names? of .{0,80}contributors/s.test(text)
      ? "BSD-3-Clause"
      : "BSD-2-Clause";
  }
  if (/Permission is hereby granted, free of charge/.test(text)) return "MIT";
  if (/Permission to use, copy, modify, and\/or distribute/.test(text)) return "ISC";
  return "NOASSERTION";
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}

const MIT_TERMS =
  `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const DENO_LICENCE = `MIT License

Copyright 2018-2026 the Deno authors

${MIT_TERMS}

Deno contains V8 (BSD-3-Clause, Copyright the V8 project authors) and Rust libraries whose licences are listed in its
source: https://github.com/denoland/deno.`;

const GO_LICENCE = `Copyright 2009 The Go Authors. BSD-3-Clause: https://go.dev/LICENSE`;
