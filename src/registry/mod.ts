/**
 * Client of OCI distribution registries: authentication, manifests, blobs, tags.
 *
 * @module
 */
export { openRegistry } from "./client.ts";
export type { CallOptions, FetchedManifest, Registry, UploadOptions } from "./client.ts";
export { referrersTag } from "./artifacts.ts";
export type { BlobSource } from "./upload.ts";
export { defaultCredentials, dockerCredentials, environmentCredentials } from "./credentials.ts";
export { registryOrigin } from "./scheme.ts";
export type { Credentials, CredentialSource, Deadlines, RegistryOptions, Scheme } from "./types.ts";
