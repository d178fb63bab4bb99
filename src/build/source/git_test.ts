import assert from "node:assert/strict";
import { parseGitReference } from "./git.ts";

Deno.test("parseGitReference() tells repositories from other addresses", () => {
  const cases: [string, string | undefined, (string | undefined)?, string?][] = [
    ["https://example.com/repo.git", "https://example.com/repo.git"],
    [
      "https://example.com/repo.git#v1:sub/folder",
      "https://example.com/repo.git",
      "v1",
      "sub/folder",
    ],
    ["https://example.com/repo.git#:sub", "https://example.com/repo.git", undefined, "sub"],
    ["https://example.com/repo.git?ref=v2&subdir=a", "https://example.com/repo.git", "v2", "a"],
    ["git@example.com:me/repo.git#main", "git@example.com:me/repo.git", "main"],
    ["git://example.com/repo", "git://example.com/repo"],
    ["ssh://git@example.com/repo", "ssh://git@example.com/repo"],
    ["https://example.com/file.tar.gz", undefined],
    ["file:///etc/repo.git", undefined],
    ["ext::sh -c evil.git", undefined],
    ["a.git", undefined],
  ];
  for (const [text, remote, ref, folder] of cases) {
    assert.deepEqual(parseGitReference(text), remote && { remote, ref, folder }, text);
  }
});
