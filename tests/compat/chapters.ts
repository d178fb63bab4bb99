import { CONTAINER } from "./container_rows.ts";
import { FILES } from "./file_rows.ts";
import { IMAGES } from "./image_rows.ts";
import { LIFE } from "./life_rows.ts";
import { PROCESS } from "./process_rows.ts";
import type { Chapter } from "./row.ts";

/** The page's chapters, in its order. */
export const CHAPTERS: readonly Chapter[] = [PROCESS, CONTAINER, LIFE, FILES, IMAGES];
