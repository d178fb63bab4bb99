const ROOT = new URL("../../", import.meta.url).pathname;

/** Runs the bundle, as users do. */
export const BIN = `${ROOT}bin/ctr`;

/** Makes the bundle and returns its program: what users run is what is measured. */
export async function bundledMain(): Promise<string> {
  const { code } = await new Deno.Command(`${ROOT}scripts/bundle`, { stdout: "null" }).spawn()
    .status;
  if (code !== 0) throw new Error("scripts/bundle failed");
  return `${ROOT}dist/bundle/main.js`;
}

/** Makes the bundle, and lets guests that a bench starts itself boot from its kernel and disk. */
export async function useBundledAssets(): Promise<void> {
  await bundledMain();
  if (!Deno.env.get("CTR_ASSETS")) Deno.env.set("CTR_ASSETS", `${ROOT}dist/bundle/assets`);
}
