import { Command, Option } from "commander";
import type { App } from "./app.ts";

export function doctorCommand(app: App): Command {
  return new Command("doctor")
    .summary("Check what ctr needs of this host")
    .addOption(
      new Option("--format <format>", "how it is printed").choices(["text", "json"])
        .default("text"),
    )
    .action(async (flags: { format: string }) => {
      const { doctor } = await import("./doctor_action.ts");
      await doctor(app, flags);
    });
}
