import type { CreateRequestInput } from "../api/mod.ts";
import { parseDurationMs } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { count } from "./settings.ts";

export interface PolicyFlags {
  readonly restart?: string;
  readonly remove?: boolean;
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthRetries?: string;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
  readonly noHealthcheck?: boolean;
}

export const RESTART_POLICIES = ["no", "on-failure", "always", "unless-stopped"] as const;

const MOST_RETRIES = 1_000_000;

/** `--restart` and `--health-…`. Fields without a flag are left out. */
export function policies(flags: PolicyFlags): Pick<CreateRequestInput, "restart" | "health"> {
  const restart = flags.restart === undefined ? undefined : restartPolicy(flags.restart);
  if (restart && restart.name !== "no" && flags.remove) {
    throw usage(
      'cannot use "--restart" together with "--rm": a container that is removed does not return',
    );
  }
  const health = healthSpec(flags);
  return {
    ...(restart && { restart }),
    ...(health && { health }),
  };
}

/** `no`, `always`, `unless-stopped`, `on-failure[:most]`. */
export function restartPolicy(text: string): NonNullable<CreateRequestInput["restart"]> {
  const [word = "", most] = text.split(/:(.*)/s);
  const name = RESTART_POLICIES.find((each) => each === (word || "no"));
  if (name === undefined) {
    throw usage(
      `cannot use --restart "${text}": want no, on-failure[:N], always or unless-stopped`,
    );
  }
  if (most === undefined) return { name };
  if (name !== "on-failure") {
    throw usage(`cannot use --restart "${text}": "on-failure" alone takes a number of times`);
  }
  if (!/^\d{1,6}$/.test(most)) {
    throw usage(`cannot use --restart "${text}": "${most}" is no number from 0 to 999999`);
  }
  return { name, maximumRetries: Number(most) };
}

function healthSpec(flags: PolicyFlags): CreateRequestInput["health"] {
  const { healthCmd, healthRetries } = flags;
  const spec = {
    ...(healthCmd && { test: ["CMD-SHELL", healthCmd] }), // an empty one is not given
    ...time("--health-interval", "intervalMs", flags.healthInterval),
    ...time("--health-timeout", "timeoutMs", flags.healthTimeout),
    ...time("--health-start-period", "startPeriodMs", flags.healthStartPeriod),
    ...time("--health-start-interval", "startIntervalMs", flags.healthStartInterval),
    ...(healthRetries !== undefined &&
      { retries: count("--health-retries", healthRetries, 0, MOST_RETRIES) }),
  };
  const asked = Object.keys(spec).length > 0;
  if (!flags.noHealthcheck) return asked ? spec : undefined;
  if (asked) throw usage('cannot use "--no-healthcheck" together with other --health flags');
  return { test: ["NONE"] };
}

function time<K extends string>(flag: string, key: K, text: string | undefined) {
  if (text === undefined) return {};
  const ms = parseDurationMs(text);
  if (ms === 0 || ms >= 1) return { [key]: Math.round(ms) } as { [P in K]: number };
  throw usage(`cannot use ${flag} "${text}": want at least 1ms`);
}
