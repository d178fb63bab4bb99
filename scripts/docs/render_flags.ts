import type { Command } from "commander";
import { REFUSED_IN_BUILD } from "../../src/cli/build_refused.ts";
import { REFUSED_IN_RUN, refusedAs, type RefusedFlag } from "../../src/cli/refused_options.ts";
import { DIFFERENT, DOCKER_FLAGS, NOT_OF_CREATE, REFUSED_ELSEWHERE } from "./docker_flags.ts";

type Verdict = readonly [verdict: "same" | "different" | "refused", note: string];

/** `docs/docker-flags.md`, from the commands that `program` declares. */
export function dockerFlags(program: Command): string {
  const sections = ["run", "create", "exec", "ps", "images", "build"].map((name) =>
    section(program, name)
  );
  return `# Docker's flags

<!-- Written by \`deno task docs\` from the command table. Do not edit. -->

Every flag of \`docker run\`, \`create\`, \`exec\`, \`ps\`, \`images\` and \`build\` (Docker 28), and what \`ctr\`
makes of it. **Same**: written alike, means the same. **Different**: read, with the difference named.
**Refused**: read, and the command ends with the reason. Flags without a value may be written with
\`=true\` and \`=false\`, as in Docker.

${sections.join("\n")}`;
}

function section(program: Command, name: string): string {
  const command = find(program, name);
  const rows = flagsOf(name).map(({ short, long, text }) => {
    const [verdict, note] = verdictOn(command, name, short, long);
    return `| \`${text}\` | ${verdict} | ${note} |`;
  });
  const counts = ["same", "different", "refused"].map((verdict) => {
    const count = rows.filter((row) => row.includes(`\` | ${verdict} |`)).length;
    return `${count} ${verdict}`;
  });
  return `## docker ${name}

${counts.join(", ")}.

| Flag | Here | |
|---|---|---|
${rows.join("\n")}
`;
}

function verdictOn(
  command: Command,
  name: string,
  short: string | undefined,
  long: string,
): Verdict {
  const table = name === "create" ? "run" : name;
  const runs = table === "run";
  const reason = runs ? refusedAs(long) : table === "build" ? refusedInBuildAs(long) : undefined;
  if (reason && command.options.some((each) => each.long === long)) {
    const idle = reason.accepts?.map((each) => `\`${each}\``).join(", ");
    const taken = command.options.find((each) => short !== undefined && each.short === short);
    const notes = [
      reason.reason,
      ...idle ? [`${idle} changes nothing`] : [],
      ...taken && taken.long !== long ? [`\`${short}\` is \`${taken.long}\``] : [],
    ];
    return ["refused", notes.join("; ")];
  }
  const elsewhere = REFUSED_ELSEWHERE[name]?.[long];
  if (elsewhere) return ["refused", elsewhere];
  const option = command.options.find((each) => each.long === long || each.short === long);
  if (!option && long !== "--rm") throw new Error(`docker ${name} ${long}: ctr has no answer`);
  const note = DIFFERENT[table]?.[long];
  if (note) return ["different", note];
  if (short && option?.short !== short) {
    throw new Error(`docker ${name} ${short}: ctr's ${long} has not this letter`);
  }
  const negative = REFUSED_IN_RUN.find(({ flags }) => flags === long.replace("--", "--no-"));
  if (runs && negative) return ["different", `\`${long}=false\` is refused: ${negative.reason}`];
  return ["same", ""];
}

function refusedInBuildAs(long: string): RefusedFlag | undefined {
  return REFUSED_IN_BUILD.find(({ flags }) => flags.split(/[ ,]+/).includes(long));
}

function find(program: Command, name: string): Command {
  const found = program.commands.find((each) =>
    each.name() === name || each.aliases().includes(name)
  );
  if (!found) throw new Error(`there is no command ${name}`);
  return found;
}

function flagsOf(name: string): { short: string | undefined; long: string; text: string }[] {
  const of = name === "create" ? "run" : name;
  return DOCKER_FLAGS[of]!.split(",").map((entry) => {
    const words = entry.trim().split(" ");
    const long = words.at(-1)!;
    const short = words.length > 1 ? words[0] : undefined;
    return { short, long, text: words.join(", ") };
  }).filter(({ long }) => name !== "create" || !NOT_OF_CREATE.includes(long));
}
