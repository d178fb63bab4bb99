import { engineError } from "./errors.ts";
import type { HttpResponse } from "./http.ts";

/**
 * The body of an answer that may break off: what went wrong is told behind it.
 *
 * @throws {CtrError} As the engine tells, behind the last bytes.
 */
export async function* archiveBody(response: HttpResponse): AsyncGenerator<Uint8Array, void> {
  yield* response.body;
  const told = response.trailers?.get("x-ctr-error");
  if (told === undefined) return;
  let body: unknown;
  try {
    body = JSON.parse(decodeURIComponent(told));
  } catch {
    body = undefined;
  }
  throw engineError(typeof body === "object" && body !== null ? body : {});
}
