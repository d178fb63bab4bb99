/** What users mistype and what registries and archives do to them: a sentence each, and nothing left. */
import { gzipSync } from "node:zlib";
import { assertEquals, assertMatch } from "../cli/assert.ts";
import {
  error as refusal,
  FakeRegistry,
  type Fault,
  isBlob,
  isManifest,
} from "../image/support/fake_registry.ts";
import {
  encode,
  type Entry,
  layoutEntries,
  type SampleImage,
  sampleImage,
  tarOf,
} from "../image/support/samples.ts";
import { type Digest, digestOf, MEDIA_TYPE } from "../../src/oci/mod.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];
const LIMITS =
  '[limits]\nlayer_size = "4m"\nlayer_entries = 1000\nlayer_devices = 10\narchive_size = "8m"\n';

/** `error:` and perhaps `hint:`, a line each. */
async function refused(
  home: CtrHome,
  args: string[],
  status: number,
  message: RegExp,
  stdin?: Uint8Array,
) {
  const result = await home.ctr(args, stdin && { stdin });
  assertEquals([result.status, result.stdout], [status, ""]);
  assertMatch(result.stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/);
  assertMatch(result.stderr, message);
}

vmTest("what is mistyped is told in a sentence", async (t) => {
  await using home = await ctrHome();
  for (
    const [flags, message] of [
      [["-m", "512"], /--memory "512": want at least .*\nhint: did you mean "512M"/],
      [["-m", "12x"], /the size "12x"/],
      [["-p", "80:banana"], /"80:banana"/],
      [["-v", "/no/such/folder:/x"], /"\/no\/such\/folder"/],
      [["-e", "A B=1"], /--env "A B=1"/],
      [["--env-file", "/nope"], /"\/nope": there is no such file/],
      [["--ulimit", "nofile=9:1"], /--ulimit "nofile=9:1"/],
      [["--network", "nope"], /network "nope"/],
      [["--cap-add", "NOPE"], /--cap-add "NOPE"/],
      [["--platform", "banana"], /--platform "banana"/],
      [
        ["--platform", "linux/s390x"],
        /not made for linux\/s390x, only for linux\/amd64, linux\/arm64/,
      ],
      [["--sysctl", "nope.x=1"], /sysctl nope.x/],
      [["-u", "nobody-knows"], /"nobody-knows"/],
    ] as [string[], RegExp][]
  ) {
    await t.step(flags.join(" "), async () => {
      await refused(home, ["run", ...QUIET, ...flags, BUSYBOX, "true"], 125, message);
    });
  }
  await t.step("an environment file from a pipe, and one that is no text", async () => {
    const script =
      'ctr() { "$@" run --rm --progress none --env-file "$file" "$image" sh -c "echo \\$A"; }; ' +
      'file=$fifo; mkfifo "$file"; echo A=fifo > "$file" & ctr "$@"';
    const { code, stdout } = await new Deno.Command("sh", {
      args: ["-c", script, "sh", Deno.execPath(), ...await home.command()],
      env: { CTR_HOME: home.path, fifo: `${home.path}/fifo`, image: BUSYBOX },
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [0, "fifo\n"]);
    await Deno.writeFile(`${home.path}/latin1`, Uint8Array.of(65, 61, 0xff, 10));
    const args = ["run", "--env-file", `${home.path}/latin1`, BUSYBOX, "true"];
    await refused(home, args, 125, /it is not UTF-8/);
  });
  assertEquals((await home.ctr(["ls", "-aq"])).stdout, "");
  assertEquals(await home.litter(), []);
});

vmTest("what a registry does wrong is told in a sentence, and leaves nothing", async (t) => {
  await using home = await ctrHome(LIMITS);
  const faults: [string, Fault | undefined, RegExp][] = [
    [
      "401",
      (asked) => isManifest(asked) ? refusal(401, "UNAUTHORIZED") : undefined,
      /wants a login/,
    ],
    ["429", () => refusal(429, "TOOMANYREQUESTS", { "retry-after": "0" }), /too many requests/],
    ["500", () => refusal(500, "UNKNOWN"), /is failing \(HTTP 500\)/],
    [
      "other bytes than the digest says",
      (asked) => isBlob(asked) ? new Response(new Uint8Array(600)) : undefined,
      /sha256:|size|bytes/,
    ],
    [
      "a layer that is cut off",
      (asked, normal) => isBlob(asked) ? shortened(normal()) : undefined,
      /./,
    ],
  ];
  for (const [name, fault, message] of faults) {
    await t.step(name, async () => {
      await using registry = new FakeRegistry();
      const image = registry.add("bad:1", sampleImage());
      if (fault) registry.faults.push(fault);
      await refused(home, ["run", ...QUIET, image, "true"], 125, message);
    });
  }
  await t.step("nobody listens", async () => {
    const registry = new FakeRegistry();
    const { host } = registry;
    await registry[Symbol.asyncDispose]();
    await refused(home, ["run", ...QUIET, `${host}/x`, "true"], 125, /the connection was refused/);
  });
  const bad: [string, Uint8Array, RegExp][] = [
    ["what is no archive", gzipSync(new Uint8Array(2048).fill(7)), /tar|archive|header/],
    [
      "damaged gzip",
      gzipSync(tarOf([{ path: "a", content: new Uint8Array(90_000) }])).fill(9, 40, 60),
      /gzip|deflate|inflate|damaged|unpack/,
    ],
    ["a path out of the root", gzipSync(tarOf([{ path: "../x" }])), /\.\.\/x/],
    ["zeros without end", gzipSync(new Uint8Array(64 << 20)), /4 MiB|unpack/],
    ["a flood of devices", gzipSync(tarOf(many(11, "char"))), /more than 10 devices/],
    ["a flood of files", gzipSync(tarOf(many(1001, "file"))), /more than 1000 entries/],
  ];
  for (const [name, layer, message] of bad) {
    await t.step(name, async () => {
      await using registry = new FakeRegistry();
      const image = registry.add("bad:1", imageOf(layer));
      await refused(home, ["run", ...QUIET, image, "true"], 125, message);
    });
  }
  assertEquals((await home.ctr(["image", "ls", "-q"])).stdout, "");
  assertEquals((await home.ctr(["ls", "-aq"])).stdout, "");
  assertEquals(await unfinished(home), []);
});

vmTest("an archive that is not to be trusted is refused whole", async (t) => {
  await using home = await ctrHome(LIMITS);
  const image = layoutEntries(sampleImage(), "evil:1");
  for (
    const [name, entries, message] of [
      [
        "a member outside",
        [{ path: "../../evil", content: encode("x") }, ...image],
        /\.\.\/\.\.\/evil/,
      ],
      [
        "a link to outside",
        [{ path: "blobs", type: "symlink", linkTarget: "/tmp" }, ...image],
        /blobs/,
      ],
      ["more than allowed", [{ path: "fat", content: new Uint8Array(9 << 20) }, ...image], /8 MiB/],
      ["nothing in it", [], /./],
    ] as [string, Entry[], RegExp][]
  ) {
    await t.step(name, async () => {
      await refused(home, ["image", "load", ...QUIET], 1, message, tarOf(entries));
    });
  }
  assertEquals((await home.ctr(["image", "ls", "-q"])).stdout, "");
  assertEquals(await unfinished(home), []);
});

vmTest("a setting that there is not is told with the one that was meant", async () => {
  await using home = await ctrHome();
  const env = { XDG_CONFIG_HOME: `${home.path}/other` };
  await Deno.mkdir(`${home.path}/other/ctr`, { recursive: true });
  await Deno.writeTextFile(`${home.path}/other/ctr/config.toml`, "[limits]\nlayer_sise = 1\n");
  const { status, stderr } = await home.ctr(["image", "ls"], { env });
  assertEquals(status, 1);
  assertMatch(
    stderr,
    /there is no key "limits.layer_sise"\nhint: did you mean "limits.layer_size"\n$/,
  );
});

/** Downloads may be taken up again, so parts of them stay. */
async function unfinished(home: CtrHome): Promise<string[]> {
  return (await home.litter()).filter((name) => !name.endsWith(".partial"));
}

function many(count: number, type: "char" | "file"): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ path: `n${i}`, type }));
}

function shortened(whole: Response): Response {
  const headers = new Headers(whole.headers);
  headers.delete("content-length");
  return new Response(new Uint8Array(10), { headers });
}

/** An image of one layer, whatever that is. */
function imageOf(layer: Uint8Array): SampleImage {
  const blobs = new Map<Digest, Uint8Array>();
  const put = (bytes: Uint8Array, mediaType: string) => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { digest, mediaType, size: bytes.length };
  };
  const descriptor = put(layer, MEDIA_TYPE.layerGzip);
  const diffIds = [digestOf("unknown")];
  const config = put(
    encode({
      architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
    MEDIA_TYPE.config,
  );
  const mediaType = MEDIA_TYPE.manifest;
  const target = put(
    encode({ schemaVersion: 2, mediaType, config, layers: [descriptor] }),
    mediaType,
  );
  return { blobs, target, manifests: [target], layers: [descriptor], diffIds };
}
