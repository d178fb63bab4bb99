import { CreateRequest } from "../../src/api/mod.ts";
import { type App, createApp } from "../../src/cli/app.ts";
import { plainBooleans } from "../../src/cli/boolean_words.ts";
import { describeError, usageError } from "../../src/cli/errors.ts";
import { compactJson } from "../../src/cli/json.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { CommanderError } from "commander";
import { exitStatusOf } from "../../src/core/mod.ts";
import { assertGolden } from "./golden.ts";

/** What each flag of `create` asks the engine for, or says to the user. */
const LINES = [
  "-v /data",
  "-v data:/data",
  "-v data:/data:ro,nocopy",
  "-v ./folder:/data",
  "-v $DIR/folder:/data/../srv/:z,cached,ro",
  "-v $DIR/file:/etc/file:ro",
  "-v $DIR/sock:/run/sock",
  "-v $DIR/nothing:/data",
  "-v /dev/null:/data",
  "-v data:data",
  "-v data:/",
  "-v :/data",
  "-v data:/data:shared",
  "-v data:/data:rw,ro",
  "-v data:/data:quick",
  "-v a:b:c:d",
  "-v .hidden:/data",
  "-v a:/data -v b:/data",
  "-v a:/data -v a:/data",
  "-v a:/data --tmpfs /data",
  "--mount type=bind,source=$DIR/folder,target=/data,readonly",
  "--mount type=virtiofs,src=./folder,dst=/data,ro=false",
  "--mount source=$DIR/folder,target=/data",
  "--mount source=cache,target=/data,volume-nocopy",
  "--mount type=volume,target=/data",
  "--mount type=volume,src=v,dst=/d,volume-subpath=a/b,volume-opt=size=1g,volume-label=x=y",
  "--mount type=volume,src=v,dst=/d,volume-subpath=../b",
  "--mount type=volume,src=v,dst=/d,volume-driver=nfs",
  "--mount type=tmpfs,target=/data,tmpfs-size=64m,tmpfs-mode=1770",
  "--mount type=tmpfs,target=/data,source=x",
  "--mount type=tmpfs,target=/data,mode=9",
  "--mount type=bind,target=/data",
  "--mount type=bind,source=$DIR/nothing,target=/data",
  "--mount type=bind,source=$DIR/folder",
  "--mount type=bind,source=,target=/data",
  "--mount type=bind,source=$DIR/folder,target=/data,bind-propagation=rprivate",
  "--mount type=bind,source=$DIR/folder,target=/data,bind-propagation=rshared",
  "--mount type=bind,source=$DIR/folder,target=/data,bind-recursive=disabled",
  "--mount type=bind,source=$DIR/folder,target=/data,colour=red",
  "--mount type=bind,source=$DIR/folder,target=/data,tmpfs-size=1",
  "--mount type=image,source=busybox,target=/data",
  "--mount type=nfs,source=x,target=/data",
  '--mount type=volume,"volume-opt=o=a,b",target=/data',
  '--mount type=volume,"volume-opt=o=a,target=/data',
  "--mount nonsense",
  "--tmpfs /run",
  "--tmpfs /run:size=64m,mode=1777,noexec --tmpfs /tmp",
  "--tmpfs run",
  "--tmpfs /run:sparkling",
  "--volumes-from a --volumes-from b:ro --volumes-from a",
  "--volumes-from a:rx",
  "--publish-socket $DIR/s:/run/s.sock",
  "--publish-socket s.sock:/run/s.sock",
  "--publish-socket /run/s.sock",
  "--ssh",
  "--restart no",
  "--restart always",
  "--restart unless-stopped",
  "--restart on-failure",
  "--restart on-failure:5",
  "--restart on-failure:x",
  "--restart always:5",
  "--restart sometimes",
  "--restart always --rm",
  "--restart no --rm",
  "--health-cmd true --health-interval 1m30s --health-timeout 5s --health-retries 2",
  "--health-start-period 500ms --health-start-interval 1s",
  "--health-interval soon",
  "--health-interval 0.1ms",
  "--no-healthcheck",
  "--no-healthcheck --health-cmd true",
  "--hostname web --domainname example.org",
  "--hostname -web",
  "--add-host db:192.0.2.7 --add-host v6=[::1]",
  "--add-host db",
  "--privileged",
  "--device /dev/kvm",
  "--device /dev/vda:/dev/disk:r --device /dev/fuse:rw",
  "--device kvm",
  "--device /dev/kvm:/dev/kvm:x",
  "--device nvidia.com/gpu=all",
  "--security-opt no-new-privileges",
  "--security-opt no-new-privileges:false",
  "--security-opt seccomp=unconfined --security-opt systempaths=unconfined",
  "--security-opt seccomp=$DIR/profile.json",
  "--security-opt seccomp=$DIR/file",
  "--security-opt seccomp=$DIR/nothing",
  "--security-opt apparmor=unconfined --security-opt label=disable",
  "--security-opt apparmor=strict",
  "--security-opt label=type:x",
  "--security-opt nonsense",
  "--pids-limit 64",
  "--pids-limit -1",
  "--pids-limit many",
  "--oom-score-adj -500",
  "--oom-score-adj 1001",
  "--sysctl net.core.somaxconn=512",
  "--stop-signal INT --stop-timeout 2.5",
  "--group-add video --group-add 44",
  "--group-add no/pe",
  "--link-local none",
  "--link-local all",
  "--label-file $DIR/labels -l b=flag",
  "--label-file $DIR/nothing",
  "--net none --dns 192.0.2.1",
  "--dns-opt ndots:2 --dns-option rotate",
  "--network web",
  "--network host",
  "-p 8080:80",
  "--gpus all",
  "--ipc private --cgroupns private --sig-proxy --log-driver json-file",
  "--ipc host",
  "--pid host",
  "--log-driver syslog",
  "--sig-proxy=false",
  "--sig-proxy=true --init=1 --rm=false --privileged=false",
  "--init=maybe",
  "--memory-swap 2g",
  "--volume-driver nfs",
];

Deno.test("what each flag of create becomes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-flags-" });
  const before = Deno.cwd();
  const listener = Deno.listen({ transport: "unix", path: `${folder}/sock` });
  try {
    await Deno.mkdir(`${folder}/folder`);
    await Deno.writeTextFile(`${folder}/file`, "text");
    await Deno.writeTextFile(`${folder}/labels`, "# a comment\na=file\n\nb=file\nc\n");
    await Deno.writeTextFile(`${folder}/profile.json`, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    Deno.chdir(folder);
    let text = "";
    for (const line of LINES) {
      const words = line.replaceAll("$DIR", folder).split(" ");
      text += `ctr create ${line} busybox\n${await outcome(["create", ...words, "busybox"])}\n\n`;
    }
    await assertGolden(text.replaceAll(folder, "$DIR"), "flags.txt");
  } finally {
    Deno.chdir(before);
    listener.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** The fields of the request that differ from those of a plain container; or the error. */
async function outcome(args: readonly string[]): Promise<string> {
  let asked: Record<string, unknown> = {};
  const app: App = {
    ...createApp(),
    env: () => undefined,
    stdout: { isTerminal: false, write() {}, line() {} },
    engine: () =>
      Promise.resolve({
        post: (_path: string, request: unknown) => {
          asked = CreateRequest.parse(request);
          return Promise.resolve({ id: "id", name: "name", warnings: [] });
        },
      } as unknown as Awaited<ReturnType<App["engine"]>>),
  };
  try {
    const program = buildProgram(app);
    await program.parseAsync(plainBooleans(program, args), { from: "user" });
  } catch (error) {
    const shown = error instanceof CommanderError ? usageError(error, "create") : error;
    return `${describeError(shown, false)}[${exitStatusOf(shown, false)}]`;
  }
  const plain: Record<string, unknown> = CreateRequest.parse({ image: "busybox", process: {} });
  const differs = Object.entries(asked).filter(([key, value]) =>
    JSON.stringify(value) !== JSON.stringify(plain[key])
  );
  return differs.map(([key, value]) => `  ${key}: ${compactJson(value)}`).join("\n") ||
    "  (as without it)";
}
