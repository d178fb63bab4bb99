// node scripts/oci-index.mjs LAYOUT NEW-TAG TAG...: gives the layout an image index that holds these tags' manifests.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const [layout, newTag, ...tags] = process.argv.slice(2);
const TAG = "org.opencontainers.image.ref.name";
const blob = (digest) =>
  JSON.parse(readFileSync(`${layout}/blobs/${digest.replace(":", "/")}`, "utf8"));
const root = JSON.parse(readFileSync(`${layout}/index.json`, "utf8"));

const manifests = tags.map((tag) => {
  const { mediaType, digest, size } = root.manifests.find((m) => m.annotations?.[TAG] === tag);
  const { architecture, os } = blob(blob(digest).config.digest);
  return { mediaType, digest, size, platform: { architecture, os } };
});
const mediaType = "application/vnd.oci.image.index.v1+json";
const bytes = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
const digest = "sha256:" + createHash("sha256").update(bytes).digest("hex");
writeFileSync(`${layout}/blobs/${digest.replace(":", "/")}`, bytes);
root.manifests = root.manifests.filter((m) => m.annotations?.[TAG] !== newTag);
root.manifests.push({
  mediaType,
  digest,
  size: Buffer.byteLength(bytes),
  annotations: { [TAG]: newTag },
});
writeFileSync(`${layout}/index.json`, JSON.stringify(root));
