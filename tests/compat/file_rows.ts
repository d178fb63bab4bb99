import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import type { Chapter } from "./row.ts";

/** §3 mounts, §5 copies, export, diff, commit, §8 volumes. */
export const FILES: Chapter = {
  title: "Files, mounts, volumes",
  rows: [
    {
      name: "cp: file into a container",
      what: "under a new name, or inside an existing folder",
      apple: "running ones only",
      check: async (t) => {
        const id = await t.shared();
        const file = `${t.home.path}/copied.txt`;
        await Deno.writeTextFile(file, "content\n");
        await t.ok(["cp", file, `${id}:/tmp/new.txt`]);
        await t.ok(["cp", file, `${id}:/tmp`]);
        const text = await t.ok(["exec", id, "cat", "/tmp/new.txt", "/tmp/copied.txt"]);
        assertEquals(text, "content\ncontent\n");
      },
    },
    {
      name: "cp: folder out of a container",
      what: "modes, links and empty folders survive",
      check: async (t) => {
        const id = await t.shared();
        const make =
          "mkdir -p /tmp/d/empty; echo x > /tmp/d/x; chmod 640 /tmp/d/x; ln -s x /tmp/d/l";
        await t.ok(["exec", id, "sh", "-c", make]);
        const target = `${t.home.path}/out`;
        await t.ok(["cp", `${id}:/tmp/d`, target]);
        assertEquals((await Deno.stat(`${target}/x`)).mode! & 0o777, 0o640);
        assertEquals(await Deno.readLink(`${target}/l`), "x");
        assert((await Deno.stat(`${target}/empty`)).isDirectory);
      },
    },
    {
      name: "cp: a file to a missing `name/`",
      what: "is an error, as are a missing source and two containers",
      check: async (t) => {
        const id = await t.shared();
        await t.fails(["cp", `${t.home.path}/missing`, `${id}:/tmp`], 1);
        await t.fails(["cp", `${id}:/etc/passwd`, `${t.home.path}/no/such/`], 2);
        await t.fails(["cp", `${id}:/a`, `${id}:/b`], 2);
      },
    },
    {
      name: "cp -",
      what: "reads or writes a tar stream",
      apple: "no",
      check: async (t) => {
        const id = await t.shared();
        const { stdout } = await t.ctr(["cp", `${id}:/etc/hostname`, "-"]);
        assertMatch(stdout, /hostname\0/);
      },
    },
    {
      name: "cp: a stopped container",
      what: "works in both directions",
      apple: "no",
      check: async (t) => {
        const name = t.name();
        await t.ok(["create", "--name", name, t.image, "cat", "/root/in.txt"]);
        const file = `${t.home.path}/in.txt`;
        await Deno.writeTextFile(file, "put in before\n");
        await t.ok(["cp", file, `${name}:/root/`]);
        assertEquals((await t.ctr(["start", "-a", name])).stdout, "put in before\n");
      },
    },
    {
      name: "export",
      what: "writes the root file system as tar",
      check: async (t) => {
        const file = `${t.home.path}/root.tar`;
        await t.ok(["export", "-o", file, await t.shared()]);
        const { stdout } = await new Deno.Command("tar", { args: ["-tf", file] }).output();
        assertMatch(new TextDecoder().decode(stdout), /^bin\/(sh|busybox)$/m);
      },
    },
    {
      name: "diff, commit",
      what: "lists what has changed; makes an image of it",
      apple: "no",
      check: async (t) => {
        const name = t.name();
        await t.ok([
          "run",
          "--name",
          name,
          t.image,
          "sh",
          "-c",
          "echo kept > /kept; rm /etc/group",
        ]);
        const changes = await t.ok(["diff", name]);
        assertMatch(changes, /^A \/kept$/m);
        assertMatch(changes, /^D \/etc\/group$/m);
        await t.ok(["commit", "-c", 'CMD ["cat","/kept"]', name, "committed:1"]);
        assertEquals(await t.ok(["run", "--rm", "committed:1"]), "kept\n");
      },
    },
    {
      name: "-v FOLDER:PATH[:ro]",
      what: "shares a folder of the host; ro holds",
      check: async (t) => {
        const folder = `${t.home.path}/shared`;
        await Deno.mkdir(folder);
        await Deno.writeTextFile(`${folder}/from-host`, "host\n");
        const command =
          "cat /s/from-host; echo guest > /s/from-guest; echo x 2>/dev/null > /r/x || echo kept";
        const text = await t.run(["-v", `${folder}:/s`, "-v", `${folder}:/r:ro`], command);
        assertEquals(text, "host\nkept\n");
        assertEquals(await Deno.readTextFile(`${folder}/from-guest`), "guest\n");
      },
    },
    {
      name: "-v FILE:PATH",
      what: "shares a single file, and nothing beside it",
      check: async (t) => {
        const file = `${t.home.path}/single`;
        await Deno.writeTextFile(file, "one\n");
        assertEquals(await t.run(["-v", `${file}:/etc/single`], "cat /etc/single"), "one\n");
      },
    },
    {
      name: "-v: a missing source",
      what: "is refused",
      docker: "makes a folder",
      check: async (t) => {
        const args = ["run", "--rm", "-v", "/no/such/folder:/x", t.image, "true"];
        assertMatch(await t.fails(args, 125), /\/no\/such\/folder/);
      },
    },
    {
      name: "--mount type=…",
      what: "bind, volume, tmpfs with readonly; an unknown key is refused",
      check: async (t) => {
        const mount = "type=tmpfs,target=/t,size=1M";
        assertMatch(await t.run(["--mount", mount], "grep ' /t ' /proc/mounts"), /size=1024k/);
        await t.fails(
          ["run", "--rm", "--mount", "type=bind,wings=2,target=/x", t.image, "true"],
          125,
        );
      },
    },
    {
      name: "-v NAME:PATH",
      what: "makes the volume when it is missing, with the content of the image's path",
      apple: "empty",
      check: async (t) => {
        const name = t.name("vol");
        const count = await t.run(["-v", `${name}:/etc`], "echo mine > /etc/mine; ls /etc/passwd");
        assertEquals(count, "/etc/passwd\n");
        assertEquals(await t.run(["-v", `${name}:/data`], "cat /data/mine"), "mine\n");
        await t.ok(["volume", "rm", name]);
      },
    },
    {
      name: "-v PATH",
      what: "an anonymous volume, removed with --rm",
      apple: "never removed",
      check: async (t) => {
        await t.run(["-v", "/scratch"], "echo x > /scratch/x");
        assertEquals(await t.ok(["volume", "ls", "-q"]), "");
      },
    },
    {
      name: "--volumes-from",
      what: "takes another container's mounts over",
      apple: "no",
      check: async (t) => {
        const name = t.name(), volume = t.name("vol");
        await t.ok(["create", "--name", name, "-v", `${volume}:/d`, t.image, "true"]);
        assertMatch(
          await t.run(["--volumes-from", name], "grep ' /d ' /proc/mounts"),
          / \/d ext4 /,
        );
        await t.ok(["rm", name]);
        await t.ok(["volume", "rm", volume]);
      },
    },
    {
      name: "one writer of a block volume",
      what: "a second container is refused; the sentence names both",
      apple: "refused",
      docker: "shared",
      ctr: "yes; `--type shared` for several",
      check: async (t) => {
        const volume = t.name("vol"), first = t.name("first");
        await t.ok(["run", "-d", "--name", first, "-v", `${volume}:/d`, t.image, "sleep", "60"]);
        const second = t.name("second");
        const args = ["run", "--rm", "--name", second, "-v", `${volume}:/d`, t.image, "true"];
        const told = await t.fails(args, 125);
        assert(told.includes(first) && told.includes(second), told);
        await t.ok(["rm", "-f", first]);
        await t.ok(["volume", "rm", volume]);
      },
    },
    {
      name: "volume create -s, --opt, --label",
      what: "prints the name; wrong sizes and options are refused",
      check: async (t) => {
        const name = t.name("vol");
        assertEquals(
          await t.ok(["volume", "create", "-s", "64M", "--label", "a=b", name]),
          `${name}\n`,
        );
        await t.fails(["volume", "create", name], 1);
        await t.fails(["volume", "create", "--opt", "journal=diary", t.name("vol")], 2);
        const [volume] = JSON.parse(await t.ok(["volume", "inspect", name]));
        assertEquals([volume.id, volume.configuration.labels.a], [name, "b"]);
        await t.ok(["volume", "rm", name]);
      },
    },
    {
      name: "volume rm",
      what: "is refused while a container refers to it",
      check: async (t) => {
        const name = t.name(), volume = t.name("vol");
        await t.ok(["create", "--name", name, "-v", `${volume}:/d`, t.image, "true"]);
        assertMatch(await t.fails(["volume", "rm", volume], 1), new RegExp(name));
        await t.ok(["rm", name]);
        await t.ok(["volume", "rm", volume]);
      },
    },
    {
      name: "volume clone, export, import, check, resize",
      what: "copy, archive, examine and grow volumes without a container",
      apple: "no",
      docker: "no",
      check: async (t) => {
        const first = t.name("vol"), copy = t.name("vol"), file = `${t.home.path}/vol.tar`;
        await t.run(["-v", `${first}:/d`], "echo kept > /d/kept");
        await t.ok(["volume", "clone", first, copy]);
        await t.ok(["volume", "resize", copy, "1T"]);
        await t.ok(["volume", "check", first, copy]);
        await t.ok(["volume", "export", "-o", file, copy]);
        const third = t.name("vol");
        await t.ok(["volume", "import", third, file]);
        assertEquals(await t.run(["-v", `${third}:/d`], "cat /d/kept"), "kept\n");
        await t.ok(["volume", "rm", first, copy, third]);
      },
    },
    {
      name: "volume prune",
      what: "removes those that no container refers to",
      check: async (t) => {
        const name = t.name("vol");
        await t.ok(["volume", "create", name]);
        assertMatch(await t.ok(["volume", "prune", "--all"]), new RegExp(`^${name}$`, "m"));
      },
    },
    {
      name: "--publish-socket HOST:CONTAINER",
      what: "a unix socket of the container, on the host",
      docker: "no",
      check: async (t) => {
        const socket = `${t.home.path}/published.sock`;
        await Deno.writeTextFile(socket, "in the way");
        const args = ["run", "--rm", "--publish-socket", `${socket}:/run/x.sock`, t.image, "true"];
        await t.ok(args); // another file is replaced, as the reference does
      },
    },
  ],
};
