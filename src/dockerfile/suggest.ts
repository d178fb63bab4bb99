/** The word that is most like `word`; undefined if none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const wanted = word.toLowerCase().slice(0, 100);
  const most = Math.max(1, Math.floor(wanted.length / 3));
  return words
    .map((each) => ({ each, distance: distance(wanted, each.toLowerCase()) }))
    .filter((each) => each.distance <= most)
    .toSorted((a, b) => a.distance - b.distance)[0]?.each;
}

/** `did you mean "…"?`, or nothing. */
export function didYouMean(word: string, words: readonly string[]): string | undefined {
  const found = nearest(word, words);
  return found === undefined ? undefined : `did you mean ${found}?`;
}

/** Letters to insert, remove, replace or swap with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        next[j] = Math.min(next[j]!, before[j - 2]! + 1);
      }
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
