import { Ajv2020 } from "ajv/dist/2020.js";

const FOLDER = new URL("../../docs/schemas/", import.meta.url);

/** @returns What a published schema finds wrong with `value`; nothing if it fits. */
export async function problems(schema: string, value: unknown): Promise<string> {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const document = JSON.parse(await Deno.readTextFile(new URL(`${schema}.json`, FOLDER)));
  const validate = ajv.compile(document);
  if (validate(value)) return "";
  return ajv.errorsText(validate.errors, { separator: "\n" });
}
