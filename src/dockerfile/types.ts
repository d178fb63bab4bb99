/** A place in a Dockerfile: both count from 1, columns in UTF-16 units as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** `end` is behind the last character. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** What stands in the comments at the top of a file. */
export interface Directives {
  readonly syntax: string | undefined;
  readonly escape: "\\" | "`";
  readonly check: CheckDirective;
}

/** `# check=skip=RuleA,RuleB;error=true`. */
export interface CheckDirective {
  /** Rules that are not reported; `all` is one of them. */
  readonly skip: readonly string[];
  /** Rules in trial that are reported all the same; `all` is one of them. */
  readonly experimental: readonly string[];
  /** A finding fails the build. */
  readonly error: boolean;
}

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** As written, without quotes; undefined where there is no `=`. */
  readonly value: string | undefined;
  readonly range: Range;
}

/** `<<EOF … EOF`, of RUN, COPY and ADD. */
export interface Heredoc {
  /** The word behind `<<`, without its quotes. */
  readonly name: string;
  /** The word was not quoted: variables in the content count. */
  readonly expand: boolean;
  /** `<<-`: tabs at the beginning of lines are not part of it. `content` is without them already. */
  readonly chomp: boolean;
  readonly content: string;
  readonly range: Range;
}

/** What CMD, ENTRYPOINT, RUN, HEALTHCHECK and SHELL take. */
export type CommandLine =
  | { readonly form: "exec"; readonly args: readonly string[] }
  /** To be run by the shell of the stage. */
  | { readonly form: "shell"; readonly line: string };

/**
 * What RUN takes besides: a heredoc alone. Without `#!` at its beginning it is what the stage's shell
 * gets as its line; with it, a file `/dev/pipes/<name>` of mode 0755 that is executed through that shell.
 */
export type RunCommand =
  | CommandLine
  | { readonly form: "script"; readonly name: string; readonly content: string };

export interface Pair {
  /** Not expanded; quotes are still there. */
  readonly key: string;
  readonly value: string;
}

/** What every instruction has. */
export interface InstructionBase {
  readonly range: Range;
  /** The instruction in upper case. */
  readonly keyword: string;
  /** The lines as they stand in the file, with continuations, comments and heredocs. */
  readonly original: string;
  /** One line: continuations joined, without flags of the builder taken away. For titles and history. */
  readonly text: string;
  readonly flags: readonly Flag[];
  readonly heredocs: readonly Heredoc[];
  /** Lines of comment right above it, without `# `. */
  readonly comments: readonly string[];
}

export interface ArgInstruction extends InstructionBase {
  readonly keyword: "ARG";
  readonly args: readonly { readonly name: string; readonly value: string | undefined }[];
}

export interface EnvInstruction extends InstructionBase {
  readonly keyword: "ENV";
  /** All values are expanded with the variables from before the instruction. */
  readonly pairs: readonly Pair[];
  /** `ENV KEY value`, the old form. */
  readonly legacy: boolean;
}

export interface LabelInstruction extends InstructionBase {
  readonly keyword: "LABEL";
  readonly pairs: readonly Pair[];
  readonly legacy: boolean;
}

export interface RunInstruction extends InstructionBase {
  readonly keyword: "RUN";
  readonly command: RunCommand;
  /** Values of `--mount`, for `parseRunMount` once they are expanded. */
  readonly mounts: readonly string[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  /** Of `--device`, in order. */
  readonly devices: readonly string[];
}

/** A file that is written in the Dockerfile itself. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
  readonly expand: boolean;
}

export interface FileInstruction extends InstructionBase {
  /** Paths, globs or URLs, not expanded. */
  readonly sources: readonly string[];
  readonly inline: readonly InlineFile[];
  readonly destination: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

export interface CopyInstruction extends FileInstruction {
  readonly keyword: "COPY";
  /** A stage's name or number, a named context, or an image. */
  readonly from: string | undefined;
}

export interface AddInstruction extends FileInstruction {
  readonly keyword: "ADD";
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean;
  /** `--unpack`; undefined: local archives only. */
  readonly unpack: boolean | undefined;
}

export interface CommandInstruction extends InstructionBase {
  readonly keyword: "CMD" | "ENTRYPOINT";
  readonly command: CommandLine;
}

export interface ShellInstruction extends InstructionBase {
  readonly keyword: "SHELL";
  readonly args: readonly string[];
}

/** Times in milliseconds; absent: the default. */
export interface HealthcheckInstruction extends InstructionBase {
  readonly keyword: "HEALTHCHECK";
  /** Undefined: NONE. */
  readonly command: CommandLine | undefined;
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly startPeriodMs: number | undefined;
  readonly startIntervalMs: number | undefined;
  readonly retries: number | undefined;
}

/** EXPOSE, VOLUME. */
export interface ListInstruction extends InstructionBase {
  readonly keyword: "EXPOSE" | "VOLUME";
  readonly values: readonly string[];
}

/** USER, WORKDIR, STOPSIGNAL, MAINTAINER. */
export interface ValueInstruction extends InstructionBase {
  readonly keyword: "USER" | "WORKDIR" | "STOPSIGNAL" | "MAINTAINER";
  readonly value: string;
}

export interface OnbuildInstruction extends InstructionBase {
  readonly keyword: "ONBUILD";
  /** What the image's config keeps: the instruction as text, for `parseOnbuild`. */
  readonly trigger: string;
  readonly instruction: StageInstruction;
}

/** What may stand in a stage. Raw words: nothing is expanded. */
export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | CommandInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | ListInstruction
  | ValueInstruction
  | OnbuildInstruction;

export interface Stage {
  /** From 0. */
  readonly index: number;
  /** In lower case; undefined where there is no AS. */
  readonly name: string | undefined;
  /** As written behind AS. */
  readonly writtenName: string | undefined;
  /** What FROM names, not expanded: an image, an earlier stage, a named context, `scratch`. */
  readonly base: string;
  /** `--platform`, not expanded. */
  readonly platform: string | undefined;
  /** Lines of comment right above FROM, without `# `. */
  readonly comments: readonly string[];
  /** `FROM` and `AS` as they are written. */
  readonly words: { readonly from: string; readonly as: string | undefined };
  /** Of the FROM instruction. */
  readonly range: Range;
  readonly original: string;
  readonly text: string;
  readonly instructions: readonly StageInstruction[];
}

export interface Dockerfile {
  /** What errors name it. */
  readonly name: string;
  readonly source: string;
  readonly directives: Directives;
  /** ARG before the first FROM, in order. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  /** What the parser found odd, for lints. */
  readonly oddities: readonly Oddity[];
}

/** A lint's finding that only the parser can make. */
export interface Oddity {
  readonly rule: string;
  readonly message: string;
  readonly range: Range;
}

/** Looks a variable up. Undefined: it is not set. */
export type Lookup = (name: string) => string | undefined;

/** One `--mount` of RUN, expanded. */
export type RunMount =
  | {
    readonly type: "bind";
    readonly target: string;
    /** Within `from`. */
    readonly source: string;
    /** A stage, a named context or an image; undefined: the context. */
    readonly from: string | undefined;
    readonly readWrite: boolean;
  }
  | {
    readonly type: "cache";
    readonly id: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly sharing: "shared" | "private" | "locked";
    /** What a new cache begins with. */
    readonly from: string | undefined;
    readonly source: string;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes: number | undefined }
  | {
    readonly type: "secret";
    readonly id: string;
    /** Undefined: no file, only `env`. */
    readonly target: string | undefined;
    /** A variable that holds it. */
    readonly env: string | undefined;
    readonly required: boolean;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }
  | {
    readonly type: "ssh";
    readonly id: string;
    /** Where the socket is; undefined: `/run/buildkit/ssh_agent.N`. */
    readonly target: string | undefined;
    readonly required: boolean;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  };

/** A finding of `--check`. */
export interface Finding {
  /** Docker's name of the rule. */
  readonly rule: string;
  readonly description: string;
  readonly message: string;
  /** Where the rule is described. */
  readonly url: string;
  readonly range: Range | undefined;
}
