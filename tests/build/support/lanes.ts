/** Works on all items, a few at a time and in order. A failure waits until somebody looks. */
export function inLanes<T, R>(
  lanes: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R>[] {
  const running: Promise<unknown>[] = Array.from({ length: lanes }, () => Promise.resolve());
  return items.map((item, index) => {
    const result = running[index % lanes]!.then(() => work(item));
    running[index % lanes] = result.catch(() => {});
    return result;
  });
}
