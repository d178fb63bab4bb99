import type { Connections } from "./connections.ts";

/** `auto`: plain HTTP for this machine and private IPv4 networks, HTTPS for all else. */
export type Scheme = "auto" | "http" | "https";

export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** OAuth2 refresh token, which Docker calls identity token. */
  | { readonly kind: "token"; readonly refreshToken: string }
  /** A bearer token that is used as it is. */
  | { readonly kind: "bearer"; readonly token: string };

/** Where credentials come from: a keychain, a file, the environment. */
export interface CredentialSource {
  /** What it is called by `registry check`: `the environment`, a file. */
  readonly name: string;
  /**
   * @param host With its port, `docker.io` for Docker Hub.
   * @param repository Without the host. Entries for it, or for what it is in, go before the host's.
   */
  find(host: string, repository?: string): Promise<Credentials | undefined>;
}

/** Milliseconds. Nothing here waits without an end. */
export interface Deadlines {
  /** Until the answer's headers: name, connection, TLS and server together. */
  readonly headersMs: number;
  /** Between two reads of a body. */
  readonly stallMs: number;
  /** Longest `Retry-After` that is obeyed, and longest pause. */
  readonly maxPauseMs: number;
  readonly firstPauseMs: number;
}

export interface RegistryOptions {
  readonly scheme?: Scheme;
  /** Asked in this order; the first answer counts. Default: the environment, then Docker's file. */
  readonly credentials?: readonly CredentialSource[];
  readonly deadlines?: Partial<Deadlines>;
  /** Tries of one request, the first included. Default 5. */
  readonly attempts?: number;
  /** Proxies, certificates, mirrors. Default: this process's environment, nothing configured. */
  readonly connections?: Connections;
  readonly userAgent?: string;
  /** For tests. */
  readonly fetch?: typeof fetch;
}
