import assert from "node:assert/strict";
import { type App, createApp } from "./app.ts";
import { disable, enable, type ServiceHost, serviceStatus } from "./service_action.ts";
import { type ServiceFacts, serviceOf } from "./service_unit.ts";

const FACTS: ServiceFacts = {
  system: "linux",
  root: false,
  uid: 1000,
  command: ["/opt/c t/ctr", "engine", "--stay"],
  home: "/u/ann/.local/share/ctr",
  defaultHome: true,
  env: (name) => ({ HOME: "/u/ann", PATH: "/usr/bin:/bin" } as Record<string, string>)[name],
};

function quietApp() {
  const out: string[] = [];
  const told: string[] = [];
  const to = (lines: string[]) => ({
    isTerminal: false,
    write: (text: string) => void lines.push(text),
    line: (text: string) => void lines.push(text),
  });
  const app: App = { ...createApp(), stdout: to(out), stderr: to(told) };
  app.runningEngine = () => Promise.resolve(undefined);
  return { app, out, told };
}

async function hostIn(
  facts: Partial<ServiceFacts>,
  outcome: Awaited<ReturnType<ServiceHost["run"]>>,
) {
  const rootFolder = await Deno.makeTempDir();
  const commands: string[] = [];
  const host: ServiceHost = {
    facts: { ...FACTS, ...facts },
    rootFolder,
    run: (command) => {
      commands.push(command.join(" "));
      return Promise.resolve(outcome);
    },
  };
  return {
    host,
    commands,
    rootFolder,
    [Symbol.asyncDispose]: () => Deno.remove(rootFolder, { recursive: true }),
  };
}

Deno.test("a service is written where its system looks for it, and taken away again", async () => {
  await using where = await hostIn({}, { ok: true, said: "" });
  const { app, out, told } = quietApp();
  await enable(app, { boot: true }, where.host);
  const path = `${where.rootFolder}/u/ann/.config/systemd/user/ctr.service`;
  assert.deepEqual([out, told], [[path], []]);
  assert.deepEqual(where.commands, [
    "systemctl --user daemon-reload",
    "systemctl --user enable --now ctr.service",
    "loginctl enable-linger",
  ]);
  await serviceStatus(app, { format: "json" }, where.host);
  assert.deepEqual(JSON.parse(out.at(-1)!), {
    service: "enabled",
    file: path,
    starts: "boot",
    engine: "not running",
  });
  where.commands.length = 0;
  await disable(app, where.host);
  assert.deepEqual(where.commands, [
    "systemctl --user disable --now ctr.service",
    "systemctl --user daemon-reload",
  ]);
  assert.match(told.join("\n"), /loginctl disable-linger/);
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await serviceStatus(app, { format: "json" }, where.host);
  assert.deepEqual([JSON.parse(out.at(-1)!).service, app.exitStatus], ["disabled", 1]);
});

Deno.test("where no systemd runs, the user is told what to type", async () => {
  const said = "System has not been booted with systemd as init system (PID 1). Can't operate.";
  await using where = await hostIn({ root: true, uid: 0 }, { ok: false, said });
  const { app, told } = quietApp();
  await enable(app, { boot: true }, where.host);
  assert.deepEqual(told, [
    `note: systemctl daemon-reload: ${said}`,
    "note: type: systemctl daemon-reload",
    "note: type: systemctl enable --now ctr.service",
  ]);
  await Deno.stat(`${where.rootFolder}/etc/systemd/system/ctr.service`);
});

Deno.test("on macOS, boot takes root", async () => {
  await using where = await hostIn({ system: "darwin" }, { ok: true, said: "" });
  const { app, out } = quietApp();
  await assert.rejects(enable(app, { boot: true }, where.host), /takes root on macOS/);
  await enable(app, {}, where.host);
  const path = `${where.rootFolder}/u/ann/Library/LaunchAgents/ctr.engine.plist`;
  assert.equal(out[0], path);
  const text = await Deno.readTextFile(path);
  assert.match(text, /<key>KeepAlive<\/key><true\/>/);
  assert.match(text, /<string>\/opt\/c t\/ctr<\/string>\n {4}<string>engine<\/string>/);
});

Deno.test("every home has a service of its own", () => {
  const other = serviceOf({ ...FACTS, home: "/srv/b", defaultHome: false }, false);
  assert.match(other.name, /^ctr-[0-9a-f]{8}\.service$/);
  assert.notEqual(
    other.path,
    serviceOf({ ...FACTS, home: "/srv/c", defaultHome: false }, false).path,
  );
});

const analyzer = await new Deno.Command("systemd-analyze", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: "systemd understands what is written (needs systemd-analyze)",
  ignore: !analyzer,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const home = '/tmp/a "b" 100% $HOME \\ c';
      const { text } = serviceOf({
        ...FACTS,
        root: true,
        home,
        command: ["/bin/sh", "-c", "echo $HOME 50%", "engine"],
      }, true);
      const path = `${folder}/ctr.service`;
      await Deno.writeTextFile(path, text);
      const { success, stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", "--man=no", path],
      }).output();
      const said = new TextDecoder().decode(stderr);
      const ours = said.split("\n").filter((line) => line.includes("ctr.service"));
      assert.deepEqual([success, ours], [true, []], said);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
