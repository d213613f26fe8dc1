/** A number of lanes that all films of a page share: so many parts are on their way at once. */
import { Interrupted } from "./errors.js";

export class Lanes {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} count */
  constructor(count) {
    this.#free = count;
  }

  /**
   * A lane, once one is free; the answer gives it back. Raises Interrupted.
   * @param {AbortSignal} signal
   * @returns {Promise<() => void>}
   */
  async take(signal) {
    while (this.#free === 0) {
      await new Promise((/** @type {(value?: unknown) => void} */ go) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          go();
        };
        this.#waiting.push(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
      if (signal.aborted) {
        // The lane that woke this one may be another's.
        this.#waiting.shift()?.();
        throw new Interrupted();
      }
    }
    if (signal.aborted) throw new Interrupted();
    this.#free -= 1;
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#free += 1;
      this.#waiting.shift()?.();
    };
  }
}
