import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { pullOption, quietOption } from "./create.ts";
import {
  fetchOptions,
  formatOption,
  inspectFormatOption,
  platformOptions,
  repeated,
} from "./options.ts";

/** The group `machine`: its actions are loaded when one of them runs. */
export function machineCommand(app: App): Command {
  return new Command("machine").enablePositionalOptions()
    .alias("m")
    .summary("Linux workspaces that stay: make, enter, copy and remove them")
    .addCommand(createCommand(app))
    .addCommand(runCommand(app))
    .addCommand(startCommand(app))
    .addCommand(stopCommand(app, "stop"))
    .addCommand(stopCommand(app, "restart"))
    .addCommand(listCommand(app))
    .addCommand(inspectCommand(app))
    .addCommand(setCommand(app))
    .addCommand(setDefaultCommand(app))
    .addCommand(logsCommand(app))
    .addCommand(copyCommand(app))
    .addCommand(sshConfigCommand(app))
    .addCommand(sshProxyCommand(app), { hidden: true })
    .addCommand(cloneCommand(app))
    .addCommand(snapshotCommand(app))
    .addCommand(restoreCommand(app))
    .addCommand(exportCommand(app))
    .addCommand(importCommand(app))
    .addCommand(portsCommand(app))
    .addCommand(renameCommand(app))
    .addCommand(removeCommand(app));
}

type Actions = typeof import("./machine_actions.ts");
const actions = (): Promise<Actions> => import("./machine_actions.ts");

function createCommand(app: App): Command {
  const command = new Command("create")
    .summary("Make a machine of an image and start it")
    .description(
      "Makes a machine of an image, starts it and prints its name. The first machine becomes the default one,\n" +
        "which is meant where no other is named.",
    )
    .argument("<image>", "reference of an image, or a short name such as debian or alpine")
    .option("-n, --name <name>", "default: the image's name and tag")
    .option("--set-default", "it becomes the default machine")
    .option("--no-boot", "do not start it")
    .option("-c, --cpus <count>", "processors")
    .option("-m, --memory <size>", "memory, for example 4g")
    .option("--disk <size>", "what its disk can grow to, for example 64g; it costs what is written")
    .addOption(
      new Option("--home-mount <mode>", "how your home folder is shared: rw, ro or none")
        .choices(["rw", "ro", "none"]),
    )
    .option("-v, --volume <source:target[:ro]>", "share a folder, or attach a volume", repeated)
    .option("--mount <key=value,…>", "the same, spelled out", repeated)
    .option("--network <name>", "a network that it is in", repeated)
    .addOption(
      new Option("--init <init>", "auto: systemd where the image has it").choices([
        "auto",
        "systemd",
        "vminitd",
      ]).default("auto"),
    )
    .option("--provision <path>", "a script that runs as root in it, once")
    .option("--ssh", "forward your ssh-agent")
    .option("--kernel <path>", "another kernel");
  platformOptions(command.optionsGroup("Image:")).addOption(pullOption()).addOption(quietOption());
  return fetchOptions(command)
    .action(async (image: string, flags: object) => {
      const { create } = await import("./machine_create_action.ts");
      await create(app, image, flags as never);
    });
}

function runCommand(app: App): Command {
  return new Command("run")
    .summary("Run a program in a machine as yourself; without one, a login shell")
    .description(
      "Runs a program in a machine, as the user that you are on the host, in the folder that you are in where the\n" +
        "machine has it. The machine is started when it does not run. Ends with the program's status.",
    )
    .argument("[command...]", "program and arguments, passed as they are")
    .passThroughOptions()
    .option("-n, --name <name>", "the machine; default: the default one")
    .option("--root", "as root")
    .option("-d, --detach", "leave it running and print the machine's name")
    .option("-i, --interactive", "pass standard input on")
    .option("-t, --tty", "give it a terminal")
    .option("-e, --env <name[=value]>", "set a variable", repeated)
    .option("--env-file <path>", "read variables from a file", repeated)
    .option("-w, --workdir <path>", "working folder")
    .addOption(new Option("--cwd <path>").hideHelp())
    .option("--ssh", "forward your ssh-agent, the one that you have now")
    .option("--detach-keys <keys>", "keys that leave the process running", "ctrl-p,ctrl-q")
    .action(async (args: string[], flags: object) => {
      const { run } = await import("./machine_run_action.ts");
      await run(app, args, flags as never);
    });
}

function startCommand(app: App): Command {
  return new Command("start")
    .summary("Start machines")
    .argument("[machine...]", "names; default: the default one")
    .action(async (names: string[]) => (await actions()).start(app, names));
}

function stopCommand(app: App, action: "stop" | "restart"): Command {
  return new Command(action)
    .summary(action === "stop" ? "Stop machines" : "Stop machines and start them again")
    .argument("[machine...]", "names; default: the default one")
    .option("-t, --time <seconds>", "how long to wait before it is cut off", "10")
    .action(async (names: string[], flags: object) =>
      (await actions()).stop(app, names, action, flags as never)
    );
}

function listCommand(app: App): Command {
  return new Command("ls")
    .alias("list")
    .summary("List machines")
    .option("-q, --quiet", "names alone")
    .addOption(formatOption())
    .action(async (flags: object) => (await actions()).list(app, flags as never));
}

function inspectCommand(app: App): Command {
  return new Command("inspect")
    .summary("Print all that is known about machines, as JSON")
    .argument("[machine...]", "names; default: the default one")
    .addOption(inspectFormatOption())
    .action(async (names: string[], flags: object) =>
      (await actions()).inspect(app, names, flags as never)
    );
}

function setCommand(app: App): Command {
  return new Command("set")
    .summary("Change what a machine is given")
    .argument("<key=value...>", "cpus, memory, home-mount, kernel")
    .option("-n, --name <name>", "the machine; default: the default one")
    .action(async (settings: string[], flags: object) =>
      (await actions()).set(app, settings, flags)
    );
}

function setDefaultCommand(app: App): Command {
  return new Command("set-default")
    .summary("Choose the machine that is meant where none is named")
    .argument("<machine>", "its name")
    .action(async (name: string) => (await actions()).setDefault(app, name));
}

function logsCommand(app: App): Command {
  return new Command("logs")
    .summary("Print what a machine has logged")
    .argument("[machine]", "its name; default: the default one")
    .option("--boot", "of its kernel instead of its init")
    .option("-f, --follow", "go on with what comes")
    .option("-n, --tail <count>", "the last lines alone")
    .action(async (name: string | undefined, flags: object) =>
      (await actions()).logs(app, name, flags as never)
    );
}

function copyCommand(app: App): Command {
  return new Command("cp")
    .summary("Copy files into a machine or out of it")
    .argument("<source>", "path, or machine:path; - for a tar archive on standard input")
    .argument("<target>", "path, or machine:path; - for a tar archive on standard output")
    .option("-a, --archive", "keep user and group IDs")
    .option("-L, --follow-link", "copy what a link leads to")
    .option("-q, --quiet", "no progress")
    .action(async (source: string, target: string, flags: object) =>
      (await actions()).copy(app, source, target, flags as never)
    );
}

function sshConfigCommand(app: App): Command {
  return new Command("ssh-config")
    .summary("Print what lets ssh, scp and editors reach machines as NAME.ctr")
    .description(
      "Prints a part of an ssh configuration. With it, `ssh dev.ctr` and what is built on ssh reach the machine\n" +
        "`dev`: through ctr, with no port open anywhere. Put it in ~/.ssh/config, in front of other hosts.",
    )
    .argument("[machine...]", "names; default: every machine")
    .action(async (names: string[]) => {
      const { sshConfig } = await import("./machine_ssh_action.ts");
      await sshConfig(app, names);
    });
}

function sshProxyCommand(app: App): Command {
  return new Command("ssh-proxy")
    .summary("Carry one connection of ssh on standard input and output")
    .argument("<machine>", "its name")
    .option("--user <name>", "root, or whoever you are")
    .action(async (name: string, flags: object) => {
      const { sshProxy } = await import("./machine_ssh_action.ts");
      await sshProxy(app, name, flags);
    });
}

function cloneCommand(app: App): Command {
  return new Command("clone")
    .summary("Make a second machine with all that is on the disk of another one")
    .argument("<machine>", "its name")
    .argument("<new-name>", "name of the second one")
    .action(async (name: string, target: string) => (await actions()).clone(app, name, target));
}

function snapshotCommand(app: App): Command {
  return new Command("snapshot")
    .summary("Keep what is on a machine's disk now, under a name")
    .argument("<machine>", "its name; it may run")
    .argument("[snapshot]", "name of the snapshot; default: the time")
    .option("--list", "list the machine's snapshots")
    .option("--rm", "remove the snapshot")
    .addOption(formatOption())
    .action(async (name: string, snapshot: string | undefined, flags: object) =>
      (await actions()).snapshot(app, name, snapshot, flags as never)
    );
}

function restoreCommand(app: App): Command {
  return new Command("restore")
    .summary("Put the disk of a stopped machine back to what a snapshot kept")
    .argument("<machine>", "its name")
    .argument("<snapshot>", "name of the snapshot")
    .action(async (name: string, snapshot: string) =>
      (await actions()).restore(app, name, snapshot)
    );
}

function exportCommand(app: App): Command {
  return new Command("export")
    .summary("Write a machine to one file")
    .argument("<machine>", "its name; it may run")
    .option("-o, --output <path>", "the file, instead of standard output")
    .action(async (name: string, flags: object) =>
      (await actions()).exportMachine(app, name, flags)
    );
}

function importCommand(app: App): Command {
  return new Command("import")
    .summary("Make a machine of such a file")
    .argument("[file]", "path, or - for standard input", "-")
    .option("-n, --name <name>", "default: the name that it had")
    .action(async (file: string, flags: object) =>
      (await actions()).importMachine(app, file, flags)
    );
}

function portsCommand(app: App): Command {
  return new Command("ports")
    .summary("List the ports of a machine that are shown on this host by themselves")
    .argument("[machine]", "its name; default: the default one")
    .addOption(formatOption())
    .action(async (name: string | undefined, flags: object) =>
      (await actions()).ports(app, name, flags as never)
    );
}

function renameCommand(app: App): Command {
  return new Command("rename")
    .summary("Give a stopped machine another name")
    .argument("<machine>", "its name")
    .argument("<new-name>", "the name that it gets")
    .action(async (name: string, target: string) => (await actions()).rename(app, name, target));
}

function removeCommand(app: App): Command {
  return new Command("rm")
    .alias("delete")
    .alias("remove")
    .summary("Remove machines with all that is on their disks")
    .argument("<machine...>", "names")
    .option("--purge", "their images too, where nothing else uses them")
    .addOption(new Option("-f, --force").hideHelp()) // one that runs is stopped anyway
    .action(async (names: string[], flags: object) => (await actions()).remove(app, names, flags));
}
