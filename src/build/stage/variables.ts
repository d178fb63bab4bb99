/** Which variables an instruction sees: ENV before ARG, each from where it was said on. */
import type { Lookup } from "../../dockerfile/mod.ts";
import { PROXY_ARGS } from "../../dockerfile/mod.ts";
import { type ConfigObject, environmentOf } from "./config.ts";

export class Variables {
  readonly #args = new Map<string, string>();
  readonly #buildArgs: Readonly<Record<string, string>>;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #predefined: Readonly<Record<string, string>>;

  /**
   * @param globals What ARGs before the first FROM gave.
   * @param predefined The platform's: seen by a stage that names them in an ARG.
   */
  constructor(
    buildArgs: Readonly<Record<string, string>>,
    globals: ReadonlyMap<string, string>,
    predefined: Readonly<Record<string, string>>,
  ) {
    this.#buildArgs = buildArgs;
    this.#globals = globals;
    this.#predefined = predefined;
  }

  /** ARG: the command line goes before the default, and that before what was said above the first FROM. */
  declare(name: string, fallback: string | undefined): void {
    const value = own(this.#buildArgs, name) ?? fallback ?? this.#globals.get(name) ??
      own(this.#predefined, name);
    if (value !== undefined) this.#args.set(name, value);
  }

  lookup(config: ConfigObject): Lookup {
    const env = new Map(
      environmentOf(config).map((entry) => entry.split(/=(.*)/s) as string[]).map(
        ([name = "", value = ""]) => [name, value] as const,
      ),
    );
    return (name) => env.get(name) ?? this.#args.get(name) ?? this.#proxy(name);
  }

  /** Arguments that a RUN sees, and its key knows: those that no ENV hides. */
  ofRun(config: ConfigObject): readonly (readonly [string, string])[] {
    const hidden = new Set(environmentOf(config).map((entry) => entry.split("=", 1)[0]!));
    return [...this.#args].filter(([name]) => !hidden.has(name) && !PROXY_ARGS.includes(name));
  }

  /** Proxies that a RUN sees, and neither its key nor history. */
  proxies(config: ConfigObject): readonly (readonly [string, string])[] {
    const hidden = new Set(environmentOf(config).map((entry) => entry.split("=", 1)[0]!));
    return PROXY_ARGS.flatMap((name) => {
      const value = own(this.#buildArgs, name);
      return value === undefined || hidden.has(name) ? [] : [[name, value] as const];
    });
  }

  #proxy(name: string): string | undefined {
    return PROXY_ARGS.includes(name) ? own(this.#buildArgs, name) : undefined;
  }
}

function own(values: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
