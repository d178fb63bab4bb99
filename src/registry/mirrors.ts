import type { Digest } from "../oci/mod.ts";
import type { Connections } from "./connections.ts";
import { registryOrigin } from "./scheme.ts";
import type { Scheme } from "./types.ts";

/** A server that has a registry's repositories. */
export interface Endpoint {
  /** For credentials and settings. */
  readonly host: string;
  /** What comes before `/v2`. */
  readonly base: string;
  readonly mirror: boolean;
}

/** The registry itself. @param scheme What the user asked for goes before what is configured. */
export function originOf(connections: Connections, host: string, scheme: Scheme): Endpoint {
  return {
    host,
    base: registryOrigin(host, scheme, connections.settings(host)),
    mirror: false,
  };
}

/** Mirrors in their order, then the registry itself. */
export function endpointsOf(connections: Connections, host: string, scheme: Scheme): Endpoint[] {
  const mirrors = connections.settings(host).mirrors.map((mirror): Endpoint => ({
    host: mirror.host,
    base: registryOrigin(mirror.host, mirror.scheme, connections.settings(mirror.host)) +
      mirror.path,
    mirror: true,
  }));
  return [...mirrors, originOf(connections, host, scheme)];
}

/**
 * Goes on with the next server where a mirror fails, from the byte where it failed.
 *
 * @param open Opens the blob at a server from an offset on.
 */
export async function* joinBlob(
  endpoints: readonly Endpoint[],
  blob: { readonly digest: Digest; readonly size: number; readonly offset: number },
  open: (endpoint: Endpoint, offset: number) => Promise<AsyncGenerator<Uint8Array>>,
  failed: (endpoint: Endpoint, error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  let at = blob.offset;
  for (const endpoint of endpoints) {
    try {
      for await (const chunk of await open(endpoint, at)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      failed(endpoint, error); // throws where there is nothing else to try
    }
  }
}
