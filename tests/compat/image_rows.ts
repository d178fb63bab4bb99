import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import type { Chapter } from "./row.ts";

/** §7 images and registries, and what the engine tells about itself. */
export const IMAGES: Chapter = {
  title: "Images, registries, the engine",
  rows: [
    {
      name: "image pull",
      what: "prints the reference; one that is not there is refused",
      apple: "prints nothing",
      check: async (t) => {
        await t.ok(["pull", "--progress", "none", t.image]);
        const missing = t.image.replace(":latest", ":no-such-tag");
        assertMatch(await t.fails(["pull", "--progress", "none", missing], 1), /no such tag|not/);
      },
    },
    {
      name: "image ls",
      what: "NAME TAG DIGEST; -q references; -v one row for each platform",
      docker: "other columns",
      check: async (t) => {
        assertMatch(await t.ok(["image", "ls"]), /^NAME +TAG +DIGEST/);
        assertMatch(await t.ok(["image", "ls", "-q"]), /busybox/);
        assertMatch(await t.ok(["image", "ls", "-v"]), /OS +ARCH/);
      },
    },
    {
      name: "image inspect, history",
      what: "what is known of it, and how it was made",
      apple: "no history",
      check: async (t) => {
        assertEquals(JSON.parse(await t.ok(["image", "inspect", t.image])).length, 1);
        assertMatch(await t.ok(["history", t.image]), /CREATED BY/);
      },
    },
    {
      name: "image tag, rm",
      what: "a further reference; removing prints it",
      check: async (t) => {
        await t.ok(["tag", t.image, "tagged:1"]);
        assertMatch(await t.ok(["rmi", "tagged:1"]), /tagged:1/);
        await t.fails(["rmi", "tagged:1"], 1);
        await t.ok(["rmi", "-f", "tagged:1"]);
      },
    },
    {
      name: "image save, load",
      what: "an OCI archive, to and from a file or a pipe",
      docker: "its own format",
      check: async (t) => {
        const file = `${t.home.path}/image.tar`;
        await t.ok(["save", "-o", file, t.image]);
        assertMatch(await t.ok(["load", "--progress", "none", "-i", file]), /busybox/);
        await t.fails(["load", "-i", "/no/such/archive"], 1);
      },
    },
    {
      name: "image import",
      what: "an image of a root file system's archive",
      apple: "no",
      check: async (t) => {
        const file = `${t.home.path}/import.tar`;
        await t.ok(["export", "-o", file, await t.shared()]);
        await t.ok(["import", file, "imported:1"]);
        assertEquals(await t.ok(["run", "--rm", "imported:1", "echo", "runs"]), "runs\n");
      },
    },
    {
      name: "image push",
      what: "sends it; blobs that are there are not sent",
      check: async (t) => {
        const target = t.image.replace("busybox:latest", `pushed/compat:${t.name("tag")}`);
        await t.ok(["tag", t.image, target]);
        await t.ok(["push", "--progress", "none", "--platform", "linux/amd64", target]);
        await t.ok(["rmi", target]);
        await t.ok(["pull", "--progress", "none", target]);
      },
    },
    {
      name: "image convert",
      what: "the same content with another compression",
      apple: "no",
      docker: "no",
      check: async (t) => {
        await t.ok(["image", "convert", "--compression", "zstd", t.image, "converted:1"]);
        assertEquals(await t.ok(["run", "--rm", "converted:1", "echo", "runs"]), "runs\n");
      },
    },
    {
      name: "image prune",
      what: "removes untagged images, with -a those that no container uses",
      check: async (t) => {
        await t.ok(["tag", t.image, "unused:1"]);
        const { stderr } = await t.ctr(["image", "prune"]);
        assertMatch(stderr, /Reclaimed/);
        await t.ok(["image", "inspect", "unused:1"]);
        await t.ok(["rmi", "unused:1"]);
      },
    },
    {
      name: "registry login, list, logout",
      what: "keeps a login that the registry takes",
      check: async (t) => {
        assertMatch(await t.ok(["registry", "ls"]), /^HOSTNAME +USERNAME/);
        await t.ok(["registry", "logout", "registry.invalid"]); // no login is no error
      },
    },
    {
      name: "registry check",
      what: "goes there step by step and tells what is wrong",
      apple: "no",
      docker: "no",
      check: async (t) => {
        await t.ok(["registry", "check", t.image.split("/")[0]!]);
        assertEquals((await t.ctr(["registry", "check", "127.0.0.1:9"])).status, 1);
      },
    },
    {
      name: "system df",
      what: "images, containers, volumes: number, size, what can be won",
      check: async (t) => assertMatch(await t.ok(["system", "df"]), /^TYPE +TOTAL +ACTIVE +SIZE/),
    },
    {
      name: "system check",
      what: "compares records, files and processes",
      apple: "no",
      docker: "no",
      check: async (t) => void await t.ok(["system", "check"]),
    },
    {
      name: "system status, version, logs",
      what: "what runs",
      check: async (t) => {
        assertMatch(await t.ok(["system", "status"]), /running/);
        assertMatch(await t.ok(["system", "version"]), /ctr/);
        await t.ok(["system", "logs"]);
      },
    },
    {
      name: "completion",
      what: "bash, zsh and fish, with names of containers, images and volumes",
      check: async (t) => {
        for (const shell of ["bash", "zsh", "fish"]) {
          assert((await t.ok(["completion", shell])).length > 100, shell);
        }
        await t.shared();
        assertMatch(await t.ok(["__complete", "stop", "sha"]), /^shared\t/);
      },
    },
    {
      name: "usage errors",
      what: "one sentence and status 2, 125 for run and exec",
      apple: "64",
      docker: "125 and 1",
      check: async (t) => {
        assertMatch(await t.fails(["ls", "--wings"], 2), /--wings/);
        await t.fails(["run", "--wings", t.image], 125);
        await t.fails(["flee"], 2);
      },
    },
  ],
};
