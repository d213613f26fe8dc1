/** Checksums of pieces of files, computed by a worker so that the page stays quick. */
import { asset } from "../assets.js";
import { Unreadable } from "./errors.js";

/** One worker; it computes a few hundred megabytes a second, which no uplink needs. */
export class Checksums {
  #worker = new Worker(asset("crc-worker"), { type: "module" });
  /** @type {Map<number, {done: (crc: string) => void, fail: (error: Error) => void}>} */
  #waiting = new Map();
  #count = 0;

  constructor() {
    this.#worker.onmessage = (/** @type {MessageEvent} */ event) => {
      const { id, crc64nvme, unreadable } = event.data;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (unreadable) waiting?.fail(new Unreadable());
      else waiting?.done(crc64nvme);
    };
    this.#worker.onerror = () => {
      for (const { fail } of this.#waiting.values()) fail(new Unreadable());
      this.#waiting.clear();
    };
  }

  /**
   * The CRC64NVME of a piece in base64. Raises Unreadable.
   * @param {Blob} piece
   * @returns {Promise<string>}
   */
  of(piece) {
    this.#count += 1;
    const id = this.#count;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#worker.postMessage({ id, piece });
    });
  }

  end() {
    this.#worker.terminate();
  }
}
