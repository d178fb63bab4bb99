import { Command } from "commander";
import type { App } from "./app.ts";
import { formatOption } from "./options.ts";

export function serviceCommand(app: App): Command {
  const act = async () => await import("./service_action.ts");
  return new Command("service")
    .summary("Have the system keep the engine running")
    .description(
      "Has systemd or launchd start the engine and start it again whenever it ends, so that restart\n" +
        "policies and health checks go on when nobody calls ctr. Without it the next ctr command\n" +
        "starts the engine.",
    )
    .addCommand(
      new Command("enable").summary("Start the engine now and whenever you log in")
        .option("--boot", "already when the system boots")
        .action(async (flags: { boot?: boolean }) => (await act()).enable(app, flags)),
    )
    .addCommand(
      new Command("disable").summary("Leave the engine to the commands again; containers run on")
        .action(async () => (await act()).disable(app)),
    )
    .addCommand(
      new Command("status").summary("Tell whether the system keeps the engine running")
        .addOption(formatOption())
        .action(async (flags: { format: string }) => (await act()).serviceStatus(app, flags)),
    );
}
