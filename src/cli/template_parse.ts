import { usage } from "./errors.ts";

/** A part of a template, in the language of Go's text/template. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly pipe: Pipe }
  | {
    readonly kind: "if" | "with" | "range";
    readonly pipe: Pipe;
    readonly body: readonly Node[];
    readonly otherwise: readonly Node[];
  };

export interface Pipe {
  /** Names of variables that take the value; `range` may have two. */
  readonly variables: readonly string[];
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "path"; readonly from: Base; readonly names: readonly string[] };

/** Where a path begins: at the dot, at a variable (`$` is the whole), at a pipeline in parentheses. */
export type Base =
  | { readonly kind: "dot" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe };

/** A template is a word on a command line: longer ones are mistakes. */
const MOST = 64 * 1024;
const MOST_DEPTH = 100;

/**
 * Parses a template such as `{{.ID}} {{range .Labels}}{{.}}{{end}}`.
 *
 * @throws {CtrError} `usage` that says what is wrong.
 * @see https://pkg.go.dev/text/template for the language
 */
export function parseTemplate(text: string): Node[] {
  if (text.length > MOST) throw bad("it is too long");
  const parser = new Parser(pieces(text));
  const nodes = parser.nodes(0);
  if (parser.ended !== undefined) throw bad(`"${parser.ended}" has no beginning`);
  return nodes;
}

export function bad(fact: string): Error {
  return usage(`cannot use the template: ${fact}`, `see "ctr help", and quote it with '…'`);
}

type Piece = { readonly text: string } | { readonly tokens: string[] };

const ACTION = /\{\{(- )?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^])*?)( -)?\}\}/y;

/**
 * Text between actions, and the tokens of actions; trimmed where they ask for it. `\t` and `\n` come
 * through a shell's quotes as two letters, and are meant.
 */
function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let trim = false;
  for (let at = 0; at < text.length;) {
    const open = text.indexOf("{{", at);
    let plain = text.slice(at, open < 0 ? undefined : open);
    plain = plain.replaceAll(/\\([tn])/g, (_, letter) => letter === "t" ? "\t" : "\n");
    if (trim) plain = plain.trimStart();
    if (open < 0) {
      found.push({ text: plain });
      break;
    }
    ACTION.lastIndex = open;
    const match = ACTION.exec(text);
    if (!match) throw bad('a "{{" has no "}}"');
    found.push({ text: match[1] ? plain.trimEnd() : plain });
    trim = Boolean(match[3]);
    at = ACTION.lastIndex;
    const inside = match[2]!.trim();
    if (!/^\/\*[^]*\*\/$/.test(inside)) found.push({ tokens: tokens(inside) });
  }
  return found;
}

const TOKEN =
  /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|-?\d+(?:\.\d+)?|\$\w*(?:\.\w+)*|(?:\.\w+)+|\.|\w+|:=|=|[|(),])/y;

function tokens(action: string): string[] {
  const found: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < action.length;) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(action)?.[1];
    if (token === undefined) throw bad(`"${action.slice(from).trim()}" cannot be read`);
    // A path behind a parenthesis belongs to it; behind a blank it is another word.
    found.push(
      token.startsWith(".") && action.slice(from - 1, from + 1) === ")." ? `)${token}` : token,
    );
  }
  return found;
}

const WORDS = ["if", "with", "range", "else", "end"];

class Parser {
  readonly #pieces: readonly Piece[];
  #at = 0;
  /** The `end` or `else` that ended the last list of nodes. */
  ended: string | undefined;
  #rest: string[] = [];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  nodes(depth: number): Node[] {
    if (depth > MOST_DEPTH) throw bad("it is nested too deep");
    const found: Node[] = [];
    this.ended = undefined;
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++]!;
      if ("text" in piece) {
        if (piece.text) found.push({ kind: "text", text: piece.text });
        continue;
      }
      const [word = "", ...rest] = piece.tokens;
      if (word === "end" || word === "else") {
        this.ended = word;
        this.#rest = rest;
        return found;
      }
      if (word === "if" || word === "with" || word === "range") {
        found.push(this.#block(word, rest, depth));
      } else if (piece.tokens.length === 0) throw bad('"{{}}" is empty');
      else found.push({ kind: "output", pipe: wholePipe(piece.tokens) });
    }
    return found;
  }

  #block(kind: "if" | "with" | "range", rest: readonly string[], depth: number): Node {
    const pipe = wholePipe(rest);
    const body = this.nodes(depth + 1);
    let otherwise: Node[] = [];
    if (this.ended === "else") {
      const [word = "", ...condition] = this.#rest;
      if (word === "if" || word === "with") {
        return { kind, pipe, body, otherwise: [this.#block(word, condition, depth + 1)] };
      }
      otherwise = this.nodes(depth + 1);
    }
    if (this.ended !== "end") throw bad(`"${kind}" has no "end"`);
    this.ended = undefined;
    return { kind, pipe, body, otherwise };
  }
}

function wholePipe(tokens: readonly string[]): Pipe {
  const rest = [...tokens];
  const pipe = readPipe(rest, 0);
  if (rest.length > 0) throw bad(`"${rest[0]}" is one too many`);
  return pipe;
}

/** Takes a pipeline off the front of `tokens`, to a closing parenthesis or the end. */
function readPipe(tokens: string[], depth: number): Pipe {
  if (depth > MOST_DEPTH) throw bad("it is nested too deep");
  const assigns = tokens.findIndex((token) => token === ":=" || token === "=");
  const variables = assigns < 0 ? [] : tokens.splice(0, assigns + 1).slice(0, -1)
    .filter((token) => token !== ",");
  if (variables.some((name) => !/^\$\w+$/.test(name))) throw bad("only variables take values");
  const commands: Operand[][] = [[]];
  while (tokens.length > 0 && !tokens[0]!.startsWith(")")) {
    const token = tokens.shift()!;
    if (token === "|") commands.push([]);
    else commands.at(-1)!.push(operand(token, tokens, depth));
  }
  if (commands.some((command) => command.length === 0)) throw bad("a value is missing");
  return { variables, commands };
}

function operand(token: string, rest: string[], depth: number): Operand {
  if (token === "(") {
    const pipe = readPipe(rest, depth + 1);
    const closed = rest.shift();
    if (closed !== ")") throw bad('a "(" has no ")"');
    const path = rest[0]?.startsWith(").") ? rest.shift()! : ")";
    return { kind: "path", from: { kind: "pipe", pipe }, names: namesOf(path.slice(1)) };
  }
  if (token.startsWith('"')) return { kind: "literal", value: unquoted(token) };
  if (token.startsWith("`")) return { kind: "literal", value: token.slice(1, -1) };
  if (/^-?\d/.test(token)) return { kind: "literal", value: Number(token) };
  if (token.startsWith("$")) {
    const [name = "$", ...names] = token.split(".");
    return { kind: "path", from: { kind: "variable", name }, names };
  }
  if (token.startsWith(".")) return { kind: "path", from: { kind: "dot" }, names: namesOf(token) };
  if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
  if (token === "nil") return { kind: "literal", value: null };
  if (/^\w+$/.test(token) && !WORDS.includes(token)) return { kind: "function", name: token };
  throw bad(`"${token}" cannot stand there`);
}

function namesOf(path: string): string[] {
  return path.split(".").filter(Boolean);
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    throw bad(`${text} cannot be read`);
  }
}
