import type { Finding, Range } from "../types.ts";

/** What a rule is about, in Docker's words, and where Docker describes it. */
interface Rule {
  readonly description: string;
  readonly page: string;
  /** In trial: only reported on demand. */
  readonly experimental?: boolean;
}

const SIGNALS = "to prevent unintended behavior related to OS signals";

/** Docker's rules, by the names that `# check=skip=…` takes. */
export const RULES = {
  StageNameCasing: {
    description: "Stage names should be lowercase",
    page: "stage-name-casing",
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    page: "from-as-casing",
  },
  NoEmptyContinuation: {
    description: "Empty continuation lines will become errors in a future release",
    page: "no-empty-continuation",
  },
  ConsistentInstructionCasing: {
    description:
      "All commands within the Dockerfile should use the same casing (either upper or lower)",
    page: "consistent-instruction-casing",
  },
  DuplicateStageName: {
    description: "Stage names should be unique",
    page: "duplicate-stage-name",
  },
  ReservedStageName: {
    description: "Reserved words should not be used as stage names",
    page: "reserved-stage-name",
  },
  JSONArgsRecommended: {
    description: `JSON arguments recommended for ENTRYPOINT/CMD ${SIGNALS}`,
    page: "json-args-recommended",
  },
  MaintainerDeprecated: {
    description:
      "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    page: "maintainer-deprecated",
  },
  UndefinedArgInFrom: {
    description: "FROM command must use declared ARGs",
    page: "undefined-arg-in-from",
  },
  WorkdirRelativePath: {
    description:
      "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    page: "workdir-relative-path",
  },
  UndefinedVar: {
    description: "Variables should be defined before their use",
    page: "undefined-var",
  },
  MultipleInstructionsDisallowed: {
    description: "Multiple instructions of the same type should not be used in the same stage",
    page: "multiple-instructions-disallowed",
  },
  LegacyKeyValueFormat: {
    description: "Legacy key/value format with whitespace separator should not be used",
    page: "legacy-key-value-format",
  },
  RedundantTargetPlatform: {
    description:
      "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    page: "redundant-target-platform",
  },
  SecretsUsedInArgOrEnv: {
    description: "Sensitive data should not be used in the ARG or ENV commands",
    page: "secrets-used-in-arg-or-env",
  },
  InvalidDefaultArgInFrom: {
    description: "Default value for global ARG results in an empty or invalid base image name",
    page: "invalid-default-arg-in-from",
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform flag should not use a constant value",
    page: "from-platform-flag-const-disallowed",
  },
  ExposeProtoCasing: {
    description: "Protocol in EXPOSE instruction should be lowercase",
    page: "expose-proto-casing",
  },
  ExposeInvalidFormat: {
    description: "IP address and host-port mapping should not be used in EXPOSE instruction",
    page: "expose-invalid-format",
  },
  CopyIgnoredFile: {
    description: "Attempting to Copy file that is excluded by .dockerignore",
    page: "copy-ignored-file",
    experimental: true,
  },
  InvalidDefinitionDescription: {
    description:
      "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`",
    page: "invalid-definition-description",
    experimental: true,
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;

export function isExperimental(rule: RuleName): boolean {
  return "experimental" in RULES[rule];
}

export function finding(rule: RuleName, message: string, range: Range | undefined): Finding {
  const { description, page } = RULES[rule];
  const url = `https://docs.docker.com/go/dockerfile/rule/${page}/`;
  return { rule, description, message, url, range };
}
