import { Command, Option } from "commander";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { formatOption } from "./options.ts";

/** The group `registry`. Docker's `login` and `logout` are at the top too: see `registryAliases`. */
export function registryCommand(app: App): Command {
  return new Command("registry")
    .alias("r")
    .summary("Log in to registries, and look for what is wrong with one")
    .addCommand(loginCommand(app))
    .addCommand(logoutCommand(app))
    .addCommand(listCommand(app))
    .addCommand(checkCommand(app));
}

export function registryAliases(app: App): Command[] {
  return [loginCommand(app), logoutCommand(app)];
}

function loginCommand(app: App): Command {
  return new Command("login")
    .summary("Log in to a registry")
    .argument("[registry]", "host, or a part of one such as ghcr.io/team; default: Docker Hub")
    .option("-u, --username <name>", "user name; asked for when missing")
    .option("--password-stdin", "read the password from standard input")
    .addOption(refusedPassword())
    .addOption(schemeOption())
    .action(async (registry: string | undefined, flags: object) => {
      const { login } = await import("./registry_login_action.ts");
      await login(app, registry, flags as Parameters<typeof login>[2]);
    });
}

/** Docker has it; on a command line everyone sees it, and the shell keeps it. */
function refusedPassword(): Option {
  return new Option("-p, --password <password>", "refused: others would see it")
    .hideHelp()
    .argParser(() => {
      throw usage(
        "cannot use --password: whoever lists the processes would see it",
        "use --password-stdin, for example: ctr registry login -u NAME --password-stdin HOST < FILE",
      );
    });
}

function logoutCommand(app: App): Command {
  return new Command("logout")
    .summary("Forget a login")
    .argument("[registry]", "as it was logged in to; default: Docker Hub")
    .action(async (registry: string | undefined) => {
      const { logout } = await import("./registry_list_action.ts");
      await logout(app, registry);
    });
}

function listCommand(app: App): Command {
  return new Command("ls")
    .alias("list")
    .summary("List logins")
    .option("-q, --quiet", "registries alone")
    .addOption(formatOption())
    .action(async (flags: object) => {
      const { listLogins } = await import("./registry_list_action.ts");
      await listLogins(app, flags as Parameters<typeof listLogins>[1]);
    });
}

function checkCommand(app: App): Command {
  return new Command("check")
    .summary("Go to a registry step by step and tell what is found")
    .argument("[registry]", "host; default: Docker Hub")
    .addOption(schemeOption())
    .addOption(
      new Option("--format <format>", "how the steps are printed").choices(["table", "json"])
        .default("table"),
    )
    .action(async (registry: string | undefined, flags: object) => {
      const { checkRegistry } = await import("./registry_check_action.ts");
      await checkRegistry(app, registry, flags as Parameters<typeof checkRegistry>[2]);
    });
}

function schemeOption(): Option {
  return new Option("--scheme <scheme>", "how to reach the registry")
    .choices(["http", "https", "auto"]).default("auto");
}
