const EVERY_MS = 100;

export interface MemoryWatch extends Disposable {
  /** What is in use now is where the growth is counted from. */
  begin(): void;
  /** The most that was in use since, above that. */
  readonly growthBytes: number;
}

/** Memory of some processes together, that of mapped files apart, looked at ten times a second. */
export function watchMemory(pids: readonly number[]): MemoryWatch {
  let first: number | undefined;
  let most = 0;
  const look = () => {
    const now = pids.reduce((sum, pid) => sum + anonymousBytes(pid), 0);
    if (first !== undefined) most = Math.max(most, now);
    return now;
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    begin() {
      first = most = look();
    },
    get growthBytes() {
      return most - (first ?? 0);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

function anonymousBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has ended
  }
}
