/**
 * Client of OCI distribution registries: authentication, manifests, blobs, tags.
 *
 * @module
 */
export { openRegistry } from "./client.ts";
export type { CallOptions, FetchedManifest, Registry, UploadOptions } from "./registry.ts";
export { referrersTag } from "./artifacts.ts";
export type { BlobSource } from "./upload.ts";
export { callerOptions, registriesFile } from "./caller.ts";
export { checkRegistry } from "./check.ts";
export type { CheckOptions } from "./check.ts";
export type { CheckStep } from "./check_login.ts";
export { Connections } from "./connections.ts";
export type { Route } from "./connections.ts";
export { dockerCredentials } from "./auth_file.ts";
export { credentialSources, environmentCredentials } from "./credentials.ts";
export { forgetNetwork } from "./environment.ts";
export { NetworkFailure } from "./failures.ts";
export { credentialsOf, fileLoginStore } from "./login_store.ts";
export type { Login, LoginStore } from "./login_store.ts";
export { hostOfKey, parseRegistryKey } from "./registry_key.ts";
export { registryOrigin } from "./scheme.ts";
export type { Credentials, CredentialSource, Deadlines, RegistryOptions, Scheme } from "./types.ts";
