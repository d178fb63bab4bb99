import { type Environment, PROXY_VARIABLES } from "../api/mod.ts";

/**
 * Takes proxies and certificates out of this process's own variables.
 *
 * Deno's HTTP client reads them itself, by rules of its own; here each request says which it takes.
 * To be called once the variables have been read, before the first request.
 */
export function forgetNetwork(): void {
  for (const name of PROXY_VARIABLES) {
    Deno.env.delete(name);
    Deno.env.delete(name.toUpperCase());
  }
  Deno.env.delete("SSL_CERT_FILE");
  Deno.env.delete("SSL_CERT_DIR");
}

/** A variable in lower case goes before the same one in upper case, as in curl. */
export function eitherCase(environment: Environment, name: string): string | undefined {
  return environment[name.toLowerCase()] || environment[name.toUpperCase()] || undefined;
}
