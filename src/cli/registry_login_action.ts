import { registryEnvironment } from "../api/wire/mod.ts";
import { readConfig } from "../config/mod.ts";
import { configFile } from "../host/mod.ts";
import {
  callerOptions,
  credentialsOf,
  fileLoginStore,
  forgetNetwork,
  hostOfKey,
  type LoginStore,
  openRegistry,
  parseRegistryKey,
} from "../registry/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { askLine, askSecret, readSecret } from "./prompt.ts";

interface LoginFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly scheme: "http" | "https" | "auto";
}

/** Tries a user name and a password at a registry, and keeps them if it takes them. */
export async function login(
  app: App,
  registry: string | undefined,
  flags: LoginFlags,
): Promise<void> {
  const key = await registryOf(registry);
  const host = hostOfKey(key);
  if (flags.passwordStdin && flags.username === undefined) {
    throw usage("cannot use --password-stdin: it wants --username too");
  }
  const home = await app.home();
  const store = fileLoginStore(home);
  const { username, secret } = await ask(app, key, flags, store);
  const environment = registryEnvironment();
  forgetNetwork();
  const { connections } = await callerOptions(environment, home);
  const credentials = credentialsOf(username, secret);
  const given = { name: "given", find: () => Promise.resolve(credentials) };
  const { asked } = await openRegistry({ connections, credentials: [given] })
    .ping(host, { scheme: flags.scheme });
  await store.put(key, username, secret);
  if (!asked) app.stderr.line(`note: ${host} asks nobody who they are: the password was not tried`);
  app.stderr.line("Login succeeded");
}

/** What was typed, or the registry of images that name none. */
export async function registryOf(registry: string | undefined): Promise<string> {
  if (registry !== undefined) return parseRegistryKey(registry);
  const config = await readConfig(configFile());
  return parseRegistryKey(config.registry.domain ?? "docker.io");
}

async function ask(
  app: App,
  key: string,
  flags: LoginFlags,
  store: LoginStore,
): Promise<{ username: string; secret: string }> {
  const bad = (fact: string, hint?: string) => usage(`cannot log in to "${key}": ${fact}`, hint);
  if (!flags.passwordStdin && !Deno.stdin.isTerminal()) {
    throw bad(
      "there is no terminal to ask for a password",
      "use --username NAME --password-stdin",
    );
  }
  let username = flags.username;
  if (username === undefined) {
    const before = (await store.list()).find(({ registry }) => registry === key)?.username;
    const question = before === undefined ? "Username: " : `Username (${before}): `;
    username = (await askLine(app, question)).trim() || before;
  }
  if (!username) throw bad("the user name is empty");
  // The header of Basic authentication ends the name at its first colon.
  if (username.includes(":")) throw bad("a user name holds no colon");
  const secret = flags.passwordStdin
    ? await readSecret("the password")
    : await askSecret(app, "Password: ");
  if (secret === "") throw bad("the password is empty");
  return { username, secret };
}
