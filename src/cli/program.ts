import { Command, CommanderError, Option } from "commander";
import type { App } from "./app.ts";
import { attachCommand } from "./attach.ts";
import { buildCommand } from "./build.ts";
import { builderCommand, buildxCommand } from "./builder.ts";
import {
  pauseCommand,
  pruneCommand,
  renameCommand,
  unpauseCommand,
  updateCommand,
} from "./change.ts";
import { completeCommand, completionCommand, SHELLS } from "./completion.ts";
import { completionScript } from "./completion_script.ts";
import { copyCommand } from "./copy.ts";
import { createCommand } from "./create.ts";
import { doctorCommand } from "./doctor.ts";
import { engineCommand } from "./engine.ts";
import { eventsCommand } from "./events.ts";
import { execCommand } from "./exec.ts";
import { commitCommand, diffCommand, exportCommand } from "./export.ts";
import { imageAliases, imageCommand } from "./image.ts";
import { helpCommand } from "./help.ts";
import { inspectCommand, listCommand } from "./ls.ts";
import { logsCommand } from "./logs.ts";
import { machineCommand } from "./machine.ts";
import { dnsCommand, networkCommand, portCommand } from "./network.ts";
import { registryAliases, registryCommand } from "./registry.ts";
import { runCommand } from "./run.ts";
import { startCommand } from "./start.ts";
import { serviceCommand } from "./service.ts";
import { statsCommand, topCommand } from "./stats.ts";
import { killCommand, removeCommand, restartCommand, stopCommand, waitCommand } from "./stop.ts";
import { systemCommand } from "./system.ts";
import { versionCommand, versionLine } from "./version.ts";
import { vmCommand } from "./vm.ts";
import { volumeCommand } from "./volume.ts";

/** The tree of commands: what help, completion and manual pages are made from. */
export function buildProgram(app: App): Command {
  const program = new Command("ctr")
    .description("Runs every Linux container in a virtual machine of its own.")
    .enablePositionalOptions()
    .option("--debug", "tell more about errors")
    .version(versionLine(), "-v, --version", "print the version")
    .addOption(
      new Option("--generate-completion-script <shell>", "the same as completion")
        .choices(SHELLS).hideHelp(),
    )
    .on("option:debug", () => void (app.debug = true))
    .on("option:generate-completion-script", (shell: string) => {
      app.stdout.write(completionScript(shell));
      throw new CommanderError(0, "ctr.done", "");
    });
  const group = (heading: string, commands: readonly Command[]) => {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  };
  group("Containers:", [
    runCommand(app),
    createCommand(app),
    startCommand(app),
    stopCommand(app),
    restartCommand(app),
    killCommand(app),
    removeCommand(app),
    pruneCommand(app),
    listCommand(app),
    execCommand(app),
    attachCommand(app),
    logsCommand(app),
    copyCommand(app),
    exportCommand(app),
    diffCommand(app),
    commitCommand(app),
    inspectCommand(app),
    statsCommand(app),
    topCommand(app),
    portCommand(app),
    waitCommand(app),
    pauseCommand(app),
    unpauseCommand(app),
    renameCommand(app),
    updateCommand(app),
    eventsCommand(app),
  ]);
  group("Images:", [buildCommand(app), imageCommand(app), builderCommand(app)]);
  group("Machines:", [machineCommand(app)]);
  group("Volumes:", [volumeCommand(app)]);
  group("Networks:", [networkCommand(app), dnsCommand(app)]);
  for (const alias of imageAliases(app)) program.addCommand(alias, { hidden: true });
  program.addCommand(buildxCommand(app), { hidden: true });
  group("Registries:", [registryCommand(app)]);
  for (const alias of registryAliases(app)) program.addCommand(alias, { hidden: true });
  group("ctr itself:", [
    systemCommand(app),
    serviceCommand(app),
    doctorCommand(app),
    completionCommand(app),
    versionCommand(app),
    helpCommand(app),
  ]);
  program.addCommand(engineCommand(app), { hidden: true });
  program.addCommand(vmCommand(app), { hidden: true });
  program.addCommand(completeCommand(app), { hidden: true });
  settle(program, app);
  return program;
}

/** What every command has in common. Errors are thrown; nothing here ends the process. */
function settle(command: Command, app: App): void {
  command
    .exitOverride()
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => app.stdout.write(text),
      writeErr: (text) => app.stderr.write(text),
      outputError: () => {}, // printed by who catches it
      getOutHelpWidth: () => 100, // the same everywhere: help is text that people grep
    })
    .showSuggestionAfterError()
    .helpOption("-h, --help", "print help");
  for (const child of command.commands) {
    if (command.parent === null && !takesDebug(child)) child.addOption(debugOption(app, child));
    settle(child, app);
  }
}

function takesDebug(command: Command): boolean {
  return command.options.some((option) => option.long === "--debug");
}

/** `--debug` is accepted behind the command as well. */
function debugOption(app: App, command: Command): Option {
  command.on("option:debug", () => void (app.debug = true));
  return new Option("--debug").hideHelp();
}
