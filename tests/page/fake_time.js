/** Time that passes when a test says so. */
export class FakeTime {
  now = 0;
  #timers = new Map();
  #last = 0;

  /**
   * @param {() => void} act
   * @param {number} ms
   */
  after = (act, ms) => {
    this.#last += 1;
    this.#timers.set(this.#last, { at: this.now + ms, act });
    return this.#last;
  };

  /** @param {any} timer */
  forget = (timer) => void this.#timers.delete(timer);

  /**
   * Let `ms` pass: what is due happens in order, and so does what it starts.
   * @param {number} ms
   */
  async pass(ms) {
    const end = this.now + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers]
        .filter(([, { at }]) => at <= end)
        .sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].act();
      await settled();
    }
    this.now = end;
  }
}

/** All promises that can be kept are kept. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
