/**
 * Client of OCI distribution registries: authentication, manifests, blobs, tags.
 *
 * @module
 */
export type { Credentials, CredentialSource, Deadlines, RegistryOptions, Scheme } from "./types.ts";
