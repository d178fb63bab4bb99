import { type ExpandOptions, expandRaw, expandWord, expandWords } from "./expand.ts";
import { placed, WordError } from "./failure.ts";
import { isSignal } from "./signal.ts";
import type { Pair, StageInstruction } from "./types.ts";

export interface ExpandInstructionOptions extends ExpandOptions {
  /** What errors name the file. */
  readonly file: string;
}

/**
 * Puts values in the place of variables wherever Docker does so in an instruction.
 *
 * CMD, ENTRYPOINT, HEALTHCHECK, SHELL, MAINTAINER and ONBUILD stay as they are, RUN but for `--mount`.
 *
 * @throws {CtrError} `bad-data` with the place of the instruction.
 */
export function expandInstruction<T extends StageInstruction>(
  instruction: T,
  options: ExpandInstructionOptions,
): T {
  return placed(options.file, instruction.range, () => expanded(instruction, options)) as T;
}

function expanded(instruction: StageInstruction, options: ExpandOptions): StageInstruction {
  const word = (text: string) => expandWord(text, options);
  const maybe = (text: string | undefined) => text === undefined ? undefined : word(text);
  const pair = ({ key, value }: Pair) => ({ key: word(key), value: word(value) });
  switch (instruction.keyword) {
    case "ARG":
      return {
        ...instruction,
        args: instruction.args.map(({ name, value }) => ({
          name: word(name),
          value: maybe(value),
        })),
      };
    case "ENV":
    case "LABEL":
      return { ...instruction, pairs: instruction.pairs.map(pair) };
    case "RUN":
      return { ...instruction, mounts: instruction.mounts.map((text) => mount(text, word)) };
    case "COPY":
      return { ...instruction, ...files(instruction, options) };
    case "ADD":
      return {
        ...instruction,
        ...files(instruction, options),
        checksum: maybe(instruction.checksum),
      };
    case "EXPOSE":
      return {
        ...instruction,
        values: instruction.values.flatMap((text) => expandWords(text, options)),
      };
    case "VOLUME":
      return { ...instruction, values: instruction.values.map(word) };
    case "USER":
    case "WORKDIR":
      return { ...instruction, value: word(instruction.value) };
    case "STOPSIGNAL": {
      const value = word(instruction.value);
      if (isSignal(value)) return { ...instruction, value };
      throw new WordError(`there is no signal "${value}"`, "for example: STOPSIGNAL SIGQUIT");
    }
    default:
      return instruction;
  }
}

type Files = Extract<StageInstruction, { readonly keyword: "COPY" | "ADD" }>;

function files(instruction: Files, options: ExpandOptions) {
  const word = (text: string) => expandWord(text, options);
  const maybe = (text: string | undefined) => text === undefined ? undefined : word(text);
  return {
    sources: instruction.sources.map(word),
    inline: instruction.inline.map((file) =>
      file.expand ? { ...file, content: expandRaw(file.content, options), expand: false } : file
    ),
    destination: word(instruction.destination),
    chown: maybe(instruction.chown),
    chmod: maybe(instruction.chmod),
    exclude: instruction.exclude.map(word),
  };
}

/** Each value by itself: a comma or a quote in a variable does not begin another field. */
function mount(text: string, word: (text: string) => string): string {
  return mountFields(text).map((field) => {
    const [key = "", value] = field.split(/=(.*)/s);
    return value === undefined ? field : `${key}=${word(value)}`;
  }).map(quotedField).join(",");
}

/** Fields of a line of comma separated values. */
export function mountFields(text: string): string[] {
  const fields: string[] = [];
  for (let rest = text;;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(rest);
    const [whole, field] = quoted
      ? [quoted[0], quoted[1]!.replaceAll('""', '"')]
      : [/^[^,]*/.exec(rest)![0], /^[^,]*/.exec(rest)![0]];
    fields.push(field);
    if (whole.length === rest.length) return fields;
    rest = rest.slice(whole.length + 1);
  }
}

function quotedField(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
