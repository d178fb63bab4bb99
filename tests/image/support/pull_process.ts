// One pull in a process of its own, to be killed: pull_process.ts <home> <reference>
import { DatabaseSync } from "node:sqlite";
import { openImages } from "../../../src/image/mod.ts";
import { parsePlatform } from "../../../src/oci/mod.ts";

const [home, reference] = Deno.args;
const db = new DatabaseSync(`${home}/state.db`);
db.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL");
const images = await openImages({ home: home!, db, registry: { credentials: [] } });
console.log("ready");
await images.pull(reference!, { platform: parsePlatform("linux/amd64") });
console.log("pulled");
Deno.exit(0); // the unpacker keeps its workers
