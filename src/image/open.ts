import type { Images } from "./images.ts";
import type { ImagesOptions } from "./types.ts";

/** Opens the image store of a ctr home, making its folders and tables if they are missing. */
export function openImages(_options: ImagesOptions): Promise<Images> {
  return Promise.reject(new Error("not yet"));
}
