import { Command, Option } from "commander";
import type { App } from "./app.ts";

export function doctorCommand(app: App): Command {
  return new Command("doctor")
    .summary("Check what ctr needs of this host")
    .addOption(
      new Option("--format <format>", "how it is printed").choices(["text", "json"])
        .default("text"),
    )
    .option("--selftest", "boot a VM and try what only this host can show; prints a report")
    .option("--image <image>", "with --selftest: run containers of it too, for example alpine")
    .action(async (flags: { format: string; selftest?: true; image?: string }) => {
      if (flags.selftest) {
        const { selftest } = await import("./selftest_action.ts");
        return await selftest(app, flags);
      }
      const { doctor } = await import("./doctor_action.ts");
      await doctor(app, flags);
    });
}
