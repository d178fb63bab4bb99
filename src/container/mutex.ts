/** Lets one piece of work at a time pass, in the order of asking. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();
  #last: PromiseWithResolvers<void> | undefined;

  /** @param work Gets what resolves when somebody else waits behind it. */
  run<T>(work: (asked: Promise<void>) => Promise<T>): Promise<T> {
    this.#last?.resolve();
    const asked = Promise.withResolvers<void>();
    this.#last = asked;
    const begin = () => work(asked.promise);
    const done = this.#tail.then(begin, begin);
    this.#tail = done.catch(() => {});
    return done;
  }
}
