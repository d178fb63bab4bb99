import { FUNCTIONS, shown, truthy } from "./template_functions.ts";
import {
  bad,
  type Base,
  type Node,
  type Operand,
  parseTemplate,
  type Pipe,
} from "./template_parse.ts";

/** What a template sees of one thing: the thing, and further names for parts of it. */
export interface Subject {
  readonly value: unknown;
  /** Docker's names. A function takes arguments, as in `{{.Label "key"}}`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Names that are no mistake although this one thing does not have them. */
  readonly known?: ReadonlySet<string>;
}

export interface Template {
  render(subject: Subject): string;
  /** The heads of the columns: each field's name, as words. */
  header(): string;
}

/** @throws {CtrError} `usage`, here or when it is rendered. */
export function compileTemplate(text: string): Template {
  const nodes = parseTemplate(text);
  return {
    render: (subject) => new Renderer(subject).render(nodes, subject),
    header: () => nodes.map(headerOf).join(""),
  };
}

class Renderer {
  readonly #root: Subject;
  readonly #variables = new Map<string, unknown>();

  constructor(root: Subject) {
    this.#root = root;
  }

  render(nodes: readonly Node[], dot: unknown): string {
    return nodes.map((node) => this.#one(node, dot)).join("");
  }

  #one(node: Node, dot: unknown): string {
    if (node.kind === "text") return node.text;
    const value = this.#pipe(node.pipe, dot);
    if (node.kind === "output") {
      return node.pipe.variables.length > 0 ? "" : shown(plain(value));
    }
    if (node.kind === "range") return this.#range(node, value, dot);
    if (!truthy(plain(value))) return this.render(node.otherwise, dot);
    return this.render(node.body, node.kind === "with" ? value : dot);
  }

  #range(node: Node & { kind: "if" | "with" | "range" }, value: unknown, dot: unknown): string {
    const over = plain(value);
    const entries: [unknown, unknown][] = Array.isArray(over)
      ? [...over.entries()]
      : typeof over === "object" && over !== null
      ? Object.entries(over).toSorted(([a], [b]) => a < b ? -1 : 1)
      : [];
    if (entries.length === 0) return this.render(node.otherwise, dot);
    const names = node.pipe.variables;
    return entries.map(([key, each]) => {
      if (names.length === 2) this.#variables.set(names[0]!, key);
      if (names.length > 0) this.#variables.set(names.at(-1)!, each);
      return this.render(node.body, each);
    }).join("");
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [index, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, index === 0 ? [] : [value]);
    }
    if (pipe.variables.length === 1) this.#variables.set(pipe.variables[0]!, value);
    return value;
  }

  #command(command: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = command;
    const given = [...rest.map((each) => this.#operand(each, dot)), ...piped].map(plain);
    if (first!.kind === "function") {
      const call = Object.hasOwn(FUNCTIONS, first!.name) ? FUNCTIONS[first!.name] : undefined;
      if (!call) throw bad(`there is no function "${first!.name}"`);
      return call(...given);
    }
    const value = this.#operand(first!, dot);
    if (typeof value === "function") return value(...given);
    if (given.length > 0) throw bad("a value is no function and takes no arguments");
    return value;
  }

  #operand(operand: Operand, dot: unknown): unknown {
    if (operand.kind === "literal") return operand.value;
    if (operand.kind === "function") return this.#command([operand], dot, []);
    let value = this.#base(operand.from, dot);
    for (const name of operand.names) value = field(value, name);
    return value;
  }

  #base(base: Base, dot: unknown): unknown {
    if (base.kind === "dot") return dot;
    if (base.kind === "pipe") return this.#pipe(base.pipe, dot);
    if (base.name === "$") return this.#root;
    if (this.#variables.has(base.name)) return this.#variables.get(base.name);
    throw bad(`there is no variable "${base.name}"`);
  }
}

function isSubject(value: unknown): value is Subject {
  return typeof value === "object" && value !== null && SUBJECTS.has(value);
}

const SUBJECTS = new WeakSet<object>();

/** Marks what templates look names up in by docker's names as well. */
export function subject(of: Subject): Subject {
  SUBJECTS.add(of);
  return of;
}

function plain(value: unknown): unknown {
  return isSubject(value) ? value.value : value;
}

/** Names are looked up as they are, then with a small first letter: `.Name` finds `name`. */
function field(value: unknown, name: string): unknown {
  if (isSubject(value)) {
    const { fields = {}, known } = value;
    if (Object.hasOwn(fields, name)) return fields[name];
    const found = own(value.value, name);
    if (found !== undefined || known?.has(name) || known?.has(small(name))) return found;
    const names = [...Object.keys(fields), ...known ?? []].join(" ");
    throw bad(`there is no field "${name}" among ${names}`);
  }
  return own(value, name);
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const key = [name, small(name)].find((each) => Object.hasOwn(value, each));
  return key === undefined ? undefined : (value as Record<string, unknown>)[key];
}

function small(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}

function headerOf(node: Node): string {
  if (node.kind === "text") return node.text;
  const path = node.pipe.commands.flat().find((operand) => operand.kind === "path");
  const name = path?.names.at(-1) ?? "";
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
}
