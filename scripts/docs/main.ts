// Writes what of docs/ follows from the source. Run: deno task docs
import { pages } from "./pages.ts";

const root = new URL("../../", import.meta.url);
for (const [path, text] of pages()) {
  await Deno.mkdir(new URL(".", new URL(path, root)), { recursive: true });
  await Deno.writeTextFile(new URL(path, root), text);
  console.log(path);
}
