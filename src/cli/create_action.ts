import { type ContainerFlags, createRequest } from "./create_request.ts";
import { createContainer, type FetchFlags } from "./create_container.ts";
import type { App } from "./app.ts";
import { cidfile } from "./cidfile.ts";

/** Makes a container and prints its ID. */
export async function create(
  app: App,
  image: string,
  args: readonly string[],
  flags: ContainerFlags & FetchFlags,
): Promise<void> {
  const request = await createRequest(app, image, args, flags);
  const writeId = await cidfile(flags.cidfile);
  const { id } = await createContainer(app, await app.engine(), request, flags);
  await writeId(id);
  app.stdout.line(id);
}
