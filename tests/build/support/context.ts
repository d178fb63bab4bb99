/** The context of the whole corpus: every kind of file that a context can hold and git cannot. */
import { run } from "../../image/support/tools.ts";

/** Contents and modes; a name that ends in `/` is a folder. */
const FILES: readonly (readonly [path: string, mode: number, text?: string])[] = [
  ["special/", 0o755],
  ["odd/", 0o755],
  ["a.txt", 0o644, "a\n"],
  ["b.txt", 0o644, "b\n"],
  ["run.sh", 0o755, "#!/bin/sh\necho ran\n"],
  ["private", 0o600, "private\n"],
  ["special/setuid", 0o4755, "setuid\n"],
  [".hidden", 0o644, "hidden\n"],
  ["empty", 0o644, ""],
  ["with space.txt", 0o644, "space\n"],
  ["ünï-日本.txt", 0o644, "unicode\n"],
  ["odd/list[1].txt", 0o644, "list\n"],
  ["odd/star*.md", 0o644, "star\n"],
  ["dir/", 0o755],
  ["dir/one.txt", 0o644, "one\n"],
  ["dir/two.md", 0o640, "two\n"],
  ["dir/.dot", 0o644, "dot\n"],
  ["dir/deep/", 0o750],
  ["dir/deep/three.txt", 0o644, "three\n"],
  ["dir/deep/er/", 0o755],
  ["dir/deep/er/four.txt", 0o444, "four\n"],
  ["dir/nothing/", 0o700],
  ["special/sticky/", 0o1777],
  ["special/sticky/file", 0o644, "sticky\n"],
  ["special/setgid/", 0o2775],
  ["special/setgid/file", 0o644, "setgid\n"],
  ["src/", 0o755],
  ["src/main.c", 0o644, "int main(void) { return 0; }\n"],
  ["src/main.h", 0o644, "// main\n"],
  ["src/lib/", 0o755],
  ["src/lib/util.c", 0o644, "// util\n"],
  ["src/lib/util.h", 0o644, "// util h\n"],
  ["node_modules/", 0o755],
  ["node_modules/x/", 0o755],
  ["node_modules/x/index.js", 0o644, "x\n"],
  ["node_modules/x/keep.js", 0o644, "keep\n"],
  ["logs/", 0o755],
  ["logs/a.log", 0o644, "log\n"],
  ["logs/b.log", 0o644, "log\n"],
  ["logs/sub/", 0o755],
  ["logs/sub/c.log", 0o644, "log\n"],
  ["over/", 0o755],
  ["over/etc/", 0o700],
  ["over/etc/hello", 0o600, "hello from the context\n"],
  ["over/etc/new", 0o644, "new\n"],
  ["links/", 0o755],
  ["links/target", 0o644, "target\n"],
];

const LINKS: readonly (readonly [path: string, target: string])[] = [
  ["link", "a.txt"],
  ["dirlink", "dir"],
  ["links/relative", "target"],
  ["links/up", "../a.txt"],
  ["links/absolute", "/etc/hello"],
  ["links/broken", "nowhere"],
  ["links/folder", "../dir"],
];

const SPECIAL = `
import gzip, io, tarfile
def add(t, name, type, mode=0o644, uid=0, gid=0, data=b"", link="", pax=None):
    i = tarfile.TarInfo(name); i.type, i.mode, i.uid, i.gid, i.size, i.linkname = type, mode, uid, gid, len(data), link
    i.mtime = 1700000000
    if pax: i.pax_headers = pax
    t.addfile(i, io.BytesIO(data))
def fill(t):
    add(t, "box", tarfile.DIRTYPE, 0o750, 1000, 50)
    add(t, "box/file", tarfile.REGTYPE, 0o640, 1000, 1000, b"from the archive\\n")
    add(t, "box/exe", tarfile.REGTYPE, 0o4755, 0, 0, b"exe\\n")
    add(t, "box/soft", tarfile.SYMTYPE, 0o777, 1000, 1000, link="file")
    add(t, "box/hard", tarfile.LNKTYPE, 0o640, 1000, 1000, link="box/file")
    add(t, "deep/er/file", tarfile.REGTYPE, 0o644, 7, 8, b"no folders before it\\n")
for mode, name in [("w", "archive.tar"), ("w:bz2", "archive.tar.bz2"), ("w:xz", "archive.tar.xz")]:
    with tarfile.open(name, mode, format=tarfile.PAX_FORMAT) as t: fill(t)
open("archive.tar.gz", "wb").write(gzip.compress(open("archive.tar", "rb").read(), mtime=0))
open("not-an-archive.tar.gz", "wb").write(b"plain text\\n")
`;

/** Fills an empty folder. Needs Python for the archives. */
export async function makeContext(folder: string): Promise<void> {
  for (const [path, mode, text] of FILES) {
    const file = `${folder}/${path}`;
    if (text === undefined) await Deno.mkdir(file);
    else await Deno.writeTextFile(file, text);
    await Deno.chmod(file, mode);
  }
  for (const [path, target] of LINKS) await Deno.symlink(target, `${folder}/${path}`);
  await Deno.link(`${folder}/dir/one.txt`, `${folder}/dir/one-again.txt`);
  await run("env", "-C", folder, "python3", "-c", SPECIAL);
}
