import { Command, Option } from "commander";
import { CTR_VERSION } from "../api/wire/mod.ts";
import type { App } from "./app.ts";

export function versionCommand(app: App): Command {
  return new Command("version")
    .summary("Print the version of ctr")
    .addOption(
      new Option("--format <format>", "how it is printed").choices(["text", "json"])
        .default("text"),
    )
    .action(({ format }: { format: string }) => {
      const facts = { deno: Deno.version.deno, version: CTR_VERSION };
      app.stdout.line(format === "json" ? JSON.stringify(facts) : versionLine());
    });
}

export function versionLine(): string {
  return `ctr version ${CTR_VERSION}`;
}
