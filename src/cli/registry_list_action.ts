import { fileLoginStore, type Login } from "../registry/mod.ts";
import type { App } from "./app.ts";
import { printList } from "./list.ts";
import { registryOf } from "./registry_login_action.ts";

/** Prints the logins of our own store. */
export async function listLogins(
  app: App,
  flags: { readonly format: string; readonly quiet?: boolean },
): Promise<void> {
  const logins = await fileLoginStore(await app.home()).list();
  await printList(app, logins.map(objectOf), {
    ...flags,
    header: ["HOSTNAME", "USERNAME", "MODIFIED", "CREATED"],
    row: (login) => [login.name, login.username, login.modificationDate, login.creationDate],
    id: (login) => login.name,
  });
}

function objectOf({ registry, username, createdAt, modifiedAt }: Login) {
  return {
    id: registry,
    name: registry,
    username,
    creationDate: createdAt.toISOString(),
    modificationDate: modifiedAt.toISOString(),
    labels: {},
  };
}

/** Forgets a login and prints its registry. Without one there is nothing to do, as in docker. */
export async function logout(app: App, registry: string | undefined): Promise<void> {
  const key = await registryOf(registry);
  if (await fileLoginStore(await app.home()).remove(key)) app.stdout.line(key);
  else app.stderr.line(`not logged in to ${key}`);
}
