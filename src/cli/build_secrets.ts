import { CtrError, isCtrError } from "../core/mod.ts";
import { usage } from "./errors.ts";
import { KeyValues } from "./key_values.ts";

/** As in Docker: what is larger is no secret but a file. */
const MOST_BYTES = 500 * 1024;

export interface Secret {
  readonly id: string;
  /** Base64. */
  readonly value: string;
}

/**
 * `--secret id=NAME[,src=PATH|,env=VARIABLE]`; with neither, the variable NAME, else the file NAME.
 *
 * @throws {CtrError} `usage`, `not-found`, `denied`, `too-large`. No message holds a secret.
 */
export async function readSecrets(
  texts: readonly string[],
  lookup: (name: string) => string | undefined,
): Promise<Secret[]> {
  const secrets: Secret[] = [];
  for (const text of texts) {
    const secret = await readSecret(text, lookup);
    if (secrets.some(({ id }) => id === secret.id)) {
      throw usage(`cannot use --secret "${text}": the id "${secret.id}" is given twice`);
    }
    secrets.push(secret);
  }
  return secrets;
}

async function readSecret(
  text: string,
  lookup: (name: string) => string | undefined,
): Promise<Secret> {
  const values = new KeyValues("--secret", text);
  const type = values.word("type", ["file", "env"]);
  const source = values.text("src", "source");
  const variable = values.text("env") ?? (type === "env" ? source : undefined);
  const path = type === "env" ? undefined : source;
  const id = values.text("id");
  values.rest();
  if (!id) throw values.bad("it has no id", "for example: --secret id=token,src=token.txt");
  if (variable !== undefined && path !== undefined) {
    throw values.bad("it has a file and a variable");
  }
  const bytes = path !== undefined
    ? await fileBytes(path)
    : variable !== undefined
    ? variableBytes(values, variable, lookup)
    : type === "file" || lookup(id) === undefined
    ? await namedFile(values, id)
    : variableBytes(values, id, lookup);
  if (bytes.length > MOST_BYTES) {
    throw new CtrError("too-large", `cannot use --secret "${text}": it has more than 500 KiB`);
  }
  return { id, value: bytes.toBase64() };
}

function variableBytes(
  values: KeyValues,
  name: string,
  lookup: (name: string) => string | undefined,
): Uint8Array {
  const value = lookup(name);
  if (value === undefined) throw values.bad(`the variable ${name} is not set`);
  return new TextEncoder().encode(value);
}

async function namedFile(values: KeyValues, id: string): Promise<Uint8Array> {
  try {
    return await fileBytes(id);
  } catch (error) {
    if (!isCtrError(error, "not-found")) throw error;
    throw values.bad(`there is neither a variable nor a file "${id}"`, "add src=PATH or env=NAME");
  }
}

async function fileBytes(path: string): Promise<Uint8Array> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (isFile && size > MOST_BYTES) {
      throw new CtrError("too-large", `cannot read the secret "${path}": it is over 500 KiB`);
    }
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof CtrError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    const fact = missing ? "there is no such file" : error instanceof Error ? error.message : error;
    throw new CtrError(
      missing ? "not-found" : "denied",
      `cannot read the secret "${path}": ${fact}`,
      { cause: error },
    );
  }
}
