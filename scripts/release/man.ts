import type { Argument, Command, Option } from "commander";

/** A manual page for each command that help shows: file name and text. */
export function manualPages(program: Command, version: string, date: string): Map<string, string> {
  const pages = new Map<string, string>();
  const visit = (command: Command, words: readonly string[]) => {
    pages.set(`${words.join("-")}.1`, page(command, words, version, date));
    for (const child of visible(command)) visit(child, [...words, child.name()]);
  };
  visit(program, [program.name()]);
  return pages;
}

/** @see the manual page man(7) for the macros */
function page(command: Command, words: readonly string[], version: string, date: string): string {
  const help = command.createHelp();
  const name = words.join("-");
  const options = help.visibleOptions(command);
  const children = visible(command);
  const parent = words.slice(0, -1);
  const related = [
    ...(parent.length > 0 ? [parent] : []),
    ...children.map((child) => [...words, child.name()]),
  ];
  return [
    `.TH "${name.toUpperCase()}" "1" "${date}" "ctr ${version}" "ctr"`,
    ".SH NAME",
    `${text(name)} \\- ${text(oneLine(command.summary() || command.description()))}`,
    ".SH SYNOPSIS",
    `.B ${text(words.join(" "))}`,
    text(command.usage()),
    ...(command.description() ? [".SH DESCRIPTION", ...paragraphs(command.description())] : []),
    ...listed(
      "COMMANDS",
      children.map((child) => [bold(child.name()), help.subcommandDescription(child)]),
    ),
    ...listed(
      "ARGUMENTS",
      help.visibleArguments(command).map((
        each: Argument,
      ) => [bold(each.name()), help.argumentDescription(each)]),
    ),
    ...listed(
      "OPTIONS",
      options.map((each: Option) => [bold(help.optionTerm(each)), help.optionDescription(each)]),
    ),
    ...(related.length > 0
      ? [".SH SEE ALSO", related.map((each) => `\\fB${text(each.join("-"))}\\fR(1)`).join(",\n")]
      : []),
    "",
  ].join("\n");
}

function listed(title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `.SH ${title}`,
    ...rows.flatMap(([term, words]) => [".TP", term, ...paragraphs(words || "\\&")]),
  ];
}

function paragraphs(words: string): string[] {
  return words.split(/\n{2,}/).flatMap((each, at) => [
    ...(at > 0 ? [".PP"] : []),
    ...each.split("\n").map((line) => text(line.trim())),
  ]);
}

function visible(command: Command): Command[] {
  return command.createHelp().visibleCommands(command).filter((child) => child.name() !== "help")
    .slice();
}

function bold(words: string): string {
  return `\\fB${text(words)}\\fR`;
}

function oneLine(words: string): string {
  return words.split("\n")[0] ?? "";
}

/** What the formatter would take for its own is escaped. */
function text(words: string): string {
  const escaped = words.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
