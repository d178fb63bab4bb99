/** Every shape of layer, judged by e2fsck, by GNU tar's own extraction, and by the host's kernel. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeEmptyExt4, openExt4, walkExt4 } from "../../src/ext4/mod.ts";
import { mergeLayers, stopUnpackWorkers, unpackLayer } from "../../src/unpack/mod.ts";
import { CAN_MOUNT, IS_ROOT, judge, mounted, run, scratch, treeOf } from "./tools.ts";

const MAKE_LAYERS = new URL("../../bench/make-layers", import.meta.url).pathname;

async function withLayers(work: (path: string) => Promise<void>): Promise<void> {
  await scratch(async (path) => {
    const { code, stderr } = await run("python3", MAKE_LAYERS, "--out", path, "--scale", "0.02");
    assert.equal(code, 0, stderr);
    try {
      await work(path);
    } finally {
      stopUnpackWorkers();
    }
  });
}

/** A disk as the reader sees it, in the form of {@linkcode treeOf}. */
function treeOfDisk(disk: string): Map<string, string> {
  using file = Deno.openSync(disk);
  const reader = openExt4(file);
  const letters: Record<string, string> = {
    file: "f",
    directory: "d",
    symlink: "l",
    char: "c",
    block: "b",
    fifo: "p",
    socket: "s",
  };
  const tree = new Map<string, string>();
  for (const { path, inode } of walkExt4(reader)) {
    if (path === "") continue;
    const target = inode.type === "symlink" ? reader.readLink(inode) : "";
    const negative = inode.mtime < 0 && inode.mtimeNs > 0;
    const time = `${negative ? inode.mtime + 1 : inode.mtime}.${
      String(negative ? 1e9 - inode.mtimeNs : inode.mtimeNs).padStart(9, "0")
    }0`;
    tree.set(
      path,
      `${letters[inode.type]} ${
        inode.mode.toString(8)
      } ${inode.uid}:${inode.gid} ${inode.size} ${inode.links} ${time} ${target}`,
    );
  }
  return tree;
}

/** Sizes of directories are the file system's own affair, and so are times in `touched`. */
function comparable(tree: ReadonlyMap<string, string>, touched: ReadonlySet<string>): string[] {
  return [...tree].map(([path, line]) => {
    const [type, mode, owner, size, links, time, ...target] = line.split(" ");
    if (type !== "d") return [path, line].join(" ");
    return [path, type, mode, owner, size && "-", links, touched.has(path) ? "-" : time, ...target]
      .join(" ");
  }).sort();
}

/** Directories that GNU tar made for want of an entry, or filled after it had set their time. */
function touchedDirectories(tree: ReadonlyMap<string, string>, since: number): Set<string> {
  const isTouched = (line: string) => line.startsWith("d") && Number(line.split(" ")[5]) >= since;
  return new Set([...tree].filter(([, line]) => isTouched(line)).map(([path]) => path));
}

Deno.test("every kind of layer becomes a sound disk with the tree that GNU tar extracts", async (t) => {
  await withLayers(async (path) => {
    for (const kind of ["many", "distro", "large", "edge", "over"]) {
      const tar = join(path, `${kind}.tar`);
      const disk = join(path, `${kind}.ext4`);
      await t.step(`${kind}: e2fsck has nothing to say`, async () => {
        await unpackLayer({ source: `${tar}.gz`, target: disk });
        await judge(disk);
      });
      await t.step({
        name: `${kind}: types, modes, owners, times, links, targets as GNU tar's`,
        ignore: !IS_ROOT || kind === "over",
        fn: async () => {
          const folder = join(path, `${kind}.tree`);
          await Deno.mkdir(folder);
          const started = Math.floor(Date.now() / 1000) - 1;
          const { code, stderr } = await run(
            "tar",
            "--xattrs",
            "--xattrs-include=*",
            "-xpf",
            tar,
            "-C",
            folder,
          );
          assert.equal(code, 0, stderr);
          const wanted = await treeOf(folder);
          const touched = touchedDirectories(wanted, started);
          assert.deepEqual(comparable(treeOfDisk(disk), touched), comparable(wanted, touched));
          if (!CAN_MOUNT) return;
          await mounted(disk, async (mount) => {
            assert.deepEqual(
              comparable(await treeOf(mount), touched),
              comparable(wanted, touched),
            );
            const { stdout } = await run("diff", "-r", "--no-dereference", mount, folder);
            const differences = stdout.split("\n").filter((line) =>
              line !== "" && !/special file|fifo/.test(line)
            );
            assert.deepEqual(differences, []);
            await sameXattrs(mount, folder, [...wanted.keys()]);
          });
        },
      });
    }
    await t.step("a merged disk is sound, and what overlayfs shows", async () => {
      const sources = [join(path, "edge.ext4"), join(path, "over.ext4")];
      for (const keepWhiteouts of [false, true]) {
        await mergeLayers({ sources, target: join(path, "merged.ext4"), keepWhiteouts });
        await judge(join(path, "merged.ext4"));
      }
      await mergeLayers({
        sources,
        target: join(path, "machine.ext4"),
        keepWhiteouts: false,
        journal: true,
        capacityBytes: 2 ** 30,
      });
      await judge(join(path, "machine.ext4"));
      if (!CAN_MOUNT) return;
      await mergeLayers({ sources, target: join(path, "merged.ext4"), keepWhiteouts: false });
      await mounted(
        sources[0]!,
        (lower) =>
          mounted(sources[1]!, (upper) =>
            mounted(join(path, "merged.ext4"), async (merged) => {
              const overlay = await Deno.makeTempDir();
              const { code, stderr } = await run(
                "mount",
                "-t",
                "overlay",
                "overlay",
                "-o",
                `lowerdir=${upper}:${lower}`,
                overlay,
              );
              assert.equal(code, 0, stderr);
              try {
                // overlayfs has its own mind about sizes of directories and about counts of links.
                const strip = (tree: Map<string, string>) =>
                  [...tree].map(([path, line]) => {
                    const [type, mode, owner, size, _links, ...rest] = line.split(" ");
                    return [path, type, mode, owner, type === "d" ? "-" : size, ...rest].join(" ");
                  }).sort();
                assert.deepEqual(strip(await treeOf(merged)), strip(await treeOf(overlay)));
              } finally {
                await run("umount", overlay);
                await Deno.remove(overlay);
              }
            })),
      );
    });
  });
});

/** Compares attributes with Python, which every host of these tests has for make-layers. */
async function sameXattrs(a: string, b: string, paths: readonly string[]): Promise<void> {
  const script = `
import os, sys
for p in sys.stdin.buffer.read().split(b"\\0"):
    f, g = [os.path.join(os.fsencode(d), p) for d in sys.argv[1:3]]
    x, y = [{n: os.getxattr(q, n, follow_symlinks=False) for n in os.listxattr(q, follow_symlinks=False)} for q in (f, g)]
    if x != y: sys.exit("%r: %r is not %r" % (p, x, y))
`;
  const child = new Deno.Command("python3", {
    args: ["-c", script, a, b],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(Uint8Array.from(paths.join("\0"), (c) => c.charCodeAt(0)));
  await writer.close();
  const { code, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

Deno.test("sparse files of every dialect are read as GNU tar reads them", async (t) => {
  await scratch(async (path) => {
    try {
      const file = join(path, "sparse");
      {
        using f = await Deno.open(file, { write: true, create: true });
        for (const at of [0, 3_000_000, 9 * 2 ** 30]) {
          await f.seek(at, Deno.SeekMode.Start);
          await f.write(new TextEncoder().encode(`data at ${at}`));
        }
        for (let i = 0; i < 60; i++) { // more parts than a header holds
          await f.seek(2 ** 32 + i * 100_000, Deno.SeekMode.Start);
          await f.write(new Uint8Array([i + 1]));
        }
        await f.truncate(9 * 2 ** 30 + 50_000);
      }
      const size = 9 * 2 ** 30 + 50_000;
      for (const format of ["gnu", "pax0.0", "pax0.1", "pax1.0"]) {
        await t.step(format, async () => {
          const tar = join(path, `${format}.tar`);
          const [name, version] = format.startsWith("pax")
            ? ["posix", format.slice(3)]
            : ["gnu", undefined];
          const { code, stderr } = await run(
            "tar",
            "-cSf",
            tar,
            `--format=${name}`,
            ...(version ? [`--sparse-version=${version}`] : []),
            "-C",
            path,
            "sparse",
          );
          assert.equal(code, 0, stderr);
          const disk = join(path, `${format}.ext4`);
          await unpackLayer({ source: tar, target: disk });
          await judge(disk);
          using opened = Deno.openSync(disk);
          const reader = openExt4(opened);
          const inode = reader.lookup("sparse")!;
          assert.equal(inode.size, size);
          let at = 0;
          const found: [number, number][] = [];
          reader.read(inode, {
            data: (bytes) => {
              for (let i = 0; i < bytes.length; i++) {
                if (bytes[i] !== 0) found.push([at + i, bytes[i]!]);
              }
              at += bytes.length;
            },
            hole: (length) => at += length,
          });
          assert.equal(at, size);
          const wanted: [number, number][] = [];
          for (const start of [0, 3_000_000]) {
            [...`data at ${start}`].forEach((c, i) => wanted.push([start + i, c.charCodeAt(0)]));
          }
          for (let i = 0; i < 60; i++) wanted.push([2 ** 32 + i * 100_000, i + 1]);
          const last = 9 * 2 ** 30;
          [...`data at ${last}`].forEach((c, i) => wanted.push([last + i, c.charCodeAt(0)]));
          assert.deepEqual(found, wanted);
          assert.ok(Deno.statSync(disk).blocks! * 512 < 4 << 20, "holes cost nothing");
        });
      }
    } finally {
      stopUnpackWorkers();
    }
  });
});

Deno.test("GNU tar's own formats are read alike", async () => {
  await scratch(async (path) => {
    try {
      const tree = join(path, "tree");
      await Deno.mkdir(join(tree, "d".repeat(90), "e".repeat(90)), { recursive: true });
      await Deno.writeTextFile(join(tree, "d".repeat(90), "e".repeat(90), "short"), "x");
      await Deno.symlink("t".repeat(90), join(tree, "link"));
      await Deno.link(join(tree, "d".repeat(90), "e".repeat(90), "short"), join(tree, "zhard"));
      await Deno.utime(join(tree, "zhard"), 1_600_000_000, 1_600_000_000);
      const trees: string[][] = [];
      for (const format of ["v7", "oldgnu", "gnu", "ustar", "posix"]) {
        const tar = join(path, `${format}.tar`);
        // v7 holds names of 99 bytes.
        const what = format === "v7" ? ["link"] : ["."];
        const { code, stderr } = await run(
          "tar",
          "-cf",
          tar,
          `--format=${format}`,
          "--mtime=@1600000000",
          "-C",
          tree,
          ...what,
        );
        assert.equal(code, 0, stderr);
        await unpackLayer({ source: tar, target: `${tar}.ext4` });
        await judge(`${tar}.ext4`);
        if (format !== "v7") {
          trees.push([...treeOfDisk(`${tar}.ext4`)].map((pair) => pair.join(" ")));
        }
      }
      assert.equal(trees[0]!.length, 5);
      for (const other of trees) assert.deepEqual(other, trees[0]);
    } finally {
      stopUnpackWorkers();
    }
  });
});

Deno.test("makeEmptyExt4() makes sound disks of any size from a few blocks", async (t) => {
  await scratch(async (path) => {
    const disk = join(path, "disk");
    const sizes: [number, boolean][] = [[2 ** 20, false], [2 ** 24, true], [2 ** 27 + 4096, true], [
      64 * 2 ** 30,
      true,
    ], [512 * 2 ** 30, false]];
    for (const [bytes, journal] of sizes) {
      await t.step(`${bytes} bytes${journal ? " with a journal" : ""}`, async () => {
        await makeEmptyExt4(disk, bytes, { journal, label: "ctr" });
        await judge(disk);
        const { size, blocks } = await Deno.stat(disk);
        assert.equal(size, bytes);
        assert.ok(blocks! * 512 <= 600 * 1024, `${blocks! * 512} bytes written`);
      });
    }
    await t.step({
      name: "the kernel writes to it, and it stays sound",
      ignore: !CAN_MOUNT,
      fn: async () => {
        await makeEmptyExt4(disk, 64 * 2 ** 30);
        const mount = await Deno.makeTempDir();
        assert.equal((await run("mount", "-o", "loop", disk, mount)).code, 0);
        for (let i = 0; i < 500; i++) {
          await Deno.mkdir(join(mount, `dir${i}`));
          await Deno.writeTextFile(join(mount, `dir${i}`, "file"), "content".repeat(i * 10));
        }
        assert.equal((await run("umount", mount)).code, 0);
        await Deno.remove(mount);
        await judge(disk);
        using file = Deno.openSync(disk);
        const reader = openExt4(file);
        const content = reader.readAll(reader.lookup("dir499/file")!);
        assert.equal(new TextDecoder().decode(content), "content".repeat(4990));
      },
    });
  });
});
