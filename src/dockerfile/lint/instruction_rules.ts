import type { Dockerfile, Finding, Stage, StageInstruction } from "../types.ts";
import type { StageGraph } from "../stages.ts";
import { finding } from "./rules.ts";

/** What is odd about single instructions. */
export function instructionFindings(dockerfile: Dockerfile, graph: StageGraph): Finding[] {
  const all = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap(({ instructions }) => instructions),
  ];
  return [
    ...dockerfile.oddities.map(({ message, range }) =>
      finding("NoEmptyContinuation", message, range)
    ),
    ...casing(dockerfile),
    ...all.flatMap(single),
    ...dockerfile.stages.flatMap(repeated),
    ...shellForms(dockerfile, graph),
    ...relativeWorkdirs(dockerfile, graph),
  ];
}

function casing({ globalArgs, stages }: Dockerfile): Finding[] {
  const all = [...globalArgs, ...stages.flatMap((stage) => [stage, ...stage.instructions])]
    .map(({ text, range }) => ({ word: /^\S+/.exec(text)?.[0] ?? "", range }));
  const lower = all.filter(({ word }) => word === word.toLowerCase()).length;
  const upper = all.filter(({ word }) => word === word.toUpperCase()).length;
  const most = lower > upper ? "lowercase" : "uppercase";
  const right = (word: string) => lower > upper ? word.toLowerCase() : word.toUpperCase();
  return all.filter(({ word }) => word !== right(word)).map(({ word, range }) => {
    const message = `Command '${word}' should match the case of the command majority (${most})`;
    return finding("ConsistentInstructionCasing", message, range);
  });
}

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const PUBLIC = /(?:_|^)public(?:_|$)/i;

function single(instruction: StageInstruction): Finding[] {
  const { keyword, range } = instruction;
  switch (keyword) {
    case "MAINTAINER": {
      const message = "Maintainer instruction is deprecated in favor of using label";
      return [finding("MaintainerDeprecated", message, range)];
    }
    case "ARG":
      return secrets(instruction, instruction.args.map(({ name }) => name));
    case "ENV":
      return [...legacy(instruction), ...secrets(instruction, instruction.pairs.map((p) => p.key))];
    case "LABEL":
      return legacy(instruction);
    case "EXPOSE":
      return instruction.values.flatMap((port) => exposed(instruction, port));
    default:
      return [];
  }
}

function secrets({ keyword, range }: StageInstruction, names: readonly string[]): Finding[] {
  return names.filter((name) => SECRET.test(name) && !PUBLIC.test(name)).map((name) => {
    const message = `Do not use ARG or ENV instructions for sensitive data (${keyword} "${name}")`;
    return finding("SecretsUsedInArgOrEnv", message, range);
  });
}

function legacy(instruction: Extract<StageInstruction, { keyword: "ENV" | "LABEL" }>): Finding[] {
  if (!instruction.legacy) return [];
  const { keyword, range } = instruction;
  const message =
    `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
  return [finding("LegacyKeyValueFormat", message, range)];
}

function exposed({ range }: StageInstruction, port: string): Finding[] {
  const found: Finding[] = [];
  const protocol = port.split("/")[1] ?? "";
  if (protocol !== protocol.toLowerCase()) {
    const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
    found.push(finding("ExposeProtoCasing", message, range));
  }
  if (!port.includes("$") && port.includes(":")) {
    const message =
      `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
    found.push(finding("ExposeInvalidFormat", message, range));
  }
  return found;
}

/** All but the last one count for nothing. */
function repeated({ instructions }: Stage): Finding[] {
  return ["CMD", "ENTRYPOINT", "HEALTHCHECK"].flatMap((keyword) =>
    instructions.filter((each) => each.keyword === keyword).slice(0, -1).map(({ range }) => {
      const message =
        `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`;
      return finding("MultipleInstructionsDisallowed", message, range);
    })
  );
}

/** Whoever sets a shell wants it. */
function shellForms({ stages }: Dockerfile, graph: StageGraph): Finding[] {
  const withShell = new Set<Stage>();
  return stages.flatMap((stage) => {
    const base = graph.base(stage);
    const own = stage.instructions.some(({ keyword }) => keyword === "SHELL");
    if (own || (base && withShell.has(base))) {
      withShell.add(stage);
      return [];
    }
    return stage.instructions.flatMap((each) => {
      if (each.keyword !== "CMD" && each.keyword !== "ENTRYPOINT") return [];
      if (each.command.form === "exec") return [];
      const message =
        `JSON arguments recommended for ${each.keyword} to prevent unintended behavior related to OS signals`;
      return [finding("JSONArgsRecommended", message, each.range)];
    });
  });
}

function relativeWorkdirs({ stages }: Dockerfile, graph: StageGraph): Finding[] {
  const rooted = new Set<Stage>();
  return stages.flatMap((stage) => {
    const base = graph.base(stage);
    if (base && rooted.has(base)) rooted.add(stage);
    return stage.instructions.flatMap((each) => {
      if (each.keyword !== "WORKDIR") return [];
      const path = each.value.replace(/^["']/, "");
      if (path.startsWith("/") || path.startsWith("$")) rooted.add(stage);
      if (rooted.has(stage)) return [];
      const message =
        `Relative workdir "${path}" can have unexpected results if the base image changes`;
      return [finding("WorkdirRelativePath", message, each.range)];
    });
  });
}
