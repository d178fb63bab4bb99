/** Makes the bundle and returns its program: what users run is what is measured. */
export async function bundledMain(): Promise<string> {
  const root = new URL("../../", import.meta.url).pathname;
  const { code } = await new Deno.Command(`${root}scripts/bundle`, { stdout: "null" }).spawn()
    .status;
  if (code !== 0) throw new Error("scripts/bundle failed");
  return `${root}dist/bundle/main.js`;
}
