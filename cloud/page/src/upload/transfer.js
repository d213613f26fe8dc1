/**
 * Bring one film into S3 and have it proven: the coordinator's plan, parallel PUTs, waits that end by themselves.
 *
 * The coordinator is the memory. Whoever begins, in this tab or in another browser, asks what S3 has, compares it with
 * the file and sends the rest.
 */
import { Problem } from "../api.js";
import { fold } from "./crc64nvme.js";
import { AnotherFile, Interrupted, PutFailed, Unreadable, UploadStopped } from "./errors.js";
import { numbersOf, spanOf } from "./plan.js";
import { backOffS } from "./waiting.js";

export const LANES = 4;
/** How many addresses are asked for at once. */
export const BATCH = 8;
/** An address that ends sooner is not used any more. */
const MARGIN_MS = 5_000;
/** A refusal this soon after signing is none of age. */
const FRESH_MS = 10_000;
const MOST_REFUSALS = 5;
const MOST_SPOILT = 3;
const MOST_OPENINGS = 5;

/**
 * @typedef {object} Film
 * @property {string} name
 * @property {Blob} file
 * @property {Map<number, string>} checksums of the parts that were read already, by number
 */

/**
 * @typedef {object} Ports what a transfer needs of the world
 * @property {() => Promise<any>} open the coordinator's upload of the film; raises Problem
 * @property {(uploadId: string, parts: {number: number, crc64nvme: string}[], crc64nvme?: string) => Promise<any[]>} sign
 *   and claim the CRC64NVME of the whole, where it is given
 * @property {(uploadId: string, crc64nvme: string) => Promise<any>} complete
 * @property {typeof import("./put.js").put} put
 * @property {(piece: Blob) => Promise<string>} checksum
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} sleep also ends when the network is back
 * @property {(signal: AbortSignal) => Promise<() => void>} lane one of the lanes that all films share
 * @property {() => number} now milliseconds
 * @property {() => number} random from 0 to 1
 * @property {(sentBytes: number) => void} progress
 * @property {(note: string) => void} note what is waited for, in words; empty when it moves again
 */

/**
 * The receipt of the film. Raises Interrupted when `signal` says so, Problem and UploadStopped where a person must act.
 * @param {Film} film
 * @param {Ports} ports
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export async function transfer(film, ports, signal) {
  for (let openings = 1; ; openings += 1) {
    try {
      return await new Transfer(film, ports, signal).bring();
    } catch (error) {
      if (!(error instanceof OpenAgain) || openings >= MOST_OPENINGS) throw wordsFor(error);
    }
  }
}

/** The upload is not what it was: ask the coordinator for it once more. */
class OpenAgain extends Error {}

/** @param {unknown} error */
function wordsFor(error) {
  if (!(error instanceof OpenAgain)) return error;
  return new UploadStopped(
    "The upload ends again and again before it is complete. Try again; else tell an operator.",
  );
}

class Transfer {
  /** @type {any} */
  #upload;
  /** @type {Set<number>} what S3 has */
  #held = new Set();
  /** @type {Map<number, number>} bytes that are on their way, by part */
  #moving = new Map();
  /** @type {number[]} */
  #queue = [];
  /** @type {Map<number, {url: string, headers: Record<string, string>, signedMs: number, endsMs: number}>} */
  #addresses = new Map();
  /** @type {Promise<void> | null} */
  #signing = null;
  #ending = new AbortController();

  /** @param {Film} film @param {Ports} ports @param {AbortSignal} signal */
  constructor(film, ports, signal) {
    this.film = film;
    this.ports = ports;
    this.signal = this.#ending.signal;
    if (signal.aborted) this.#ending.abort();
    signal.addEventListener("abort", () => this.#ending.abort(), { signal: this.signal });
  }

  async bring() {
    this.#upload = await this.#ask(() => this.ports.open());
    if (this.#upload.receipt) return this.#demandSame(this.#upload);
    await this.#compareHeld();
    this.#queue = numbersOf(this.#upload.plan).filter((number) => !this.#held.has(number));
    await this.#sendAll();
    const whole = await this.#whole();
    const { receipt } = await this.#ask(() => this.ports.complete(this.#upload.upload_id, whole));
    this.ports.note("");
    return receipt;
  }

  /** The receipt of a film that is stored already, if it is of these bytes. @param {any} upload */
  async #demandSame(upload) {
    this.ports.note("stored already; compared with this file");
    if ((await this.#whole()) !== upload.receipt.crc64nvme) throw new AnotherFile(this.film.name);
    this.ports.note("");
    return upload.receipt;
  }

  /** Raises AnotherFile unless what S3 has is of this file. */
  async #compareHeld() {
    for (const part of this.#upload.parts) {
      this.ports.note("compared with what is stored already");
      if ((await this.#checksum(part.number)) !== part.crc64nvme)
        throw new AnotherFile(this.film.name);
      this.#held.add(part.number);
      this.#tell();
    }
    this.ports.note("");
  }

  async #sendAll() {
    const count = Math.min(LANES, this.#queue.length);
    const lanes = Array.from({ length: count }, () => this.#runLane());
    const ended = await Promise.allSettled(lanes);
    const failed = ended.filter((each) => each.status === "rejected").map((each) => each.reason);
    // The first lane that failed interrupted the others.
    const cause = failed.find((each) => !(each instanceof Interrupted)) ?? failed[0];
    if (cause) throw cause;
  }

  async #runLane() {
    try {
      for (;;) {
        const release = await this.ports.lane(this.signal);
        try {
          const number = this.#queue.shift();
          if (number === undefined) return;
          await this.#send(number);
        } finally {
          release();
        }
      }
    } catch (error) {
      this.#ending.abort();
      throw error;
    }
  }

  /** @param {number} number */
  async #send(number) {
    const tries = { failures: 0, refusals: 0, spoilt: 0 };
    for (;;) {
      const address = await this.#address(number);
      const moved = (/** @type {number} */ bytes) => {
        this.#moving.set(number, bytes);
        this.#tell();
      };
      try {
        await this.ports.put(address, this.#piece(number), moved, this.signal);
        if (tries.failures) this.ports.note("");
        break;
      } catch (error) {
        this.#moving.delete(number);
        this.#tell();
        if (!(error instanceof PutFailed)) throw error;
        if (error.status === 412) break; // of one PUT: an earlier one came, and `complete` says what it is
        await this.#recover(number, address, error, tries);
      }
    }
    this.#moving.delete(number);
    this.#held.add(number);
    this.#tell();
  }

  /**
   * Do what lets the next try succeed, or raise what a person must hear.
   * @param {number} number
   * @param {{signedMs: number}} address
   * @param {PutFailed} error
   * @param {{failures: number, refusals: number, spoilt: number}} tries
   */
  async #recover(number, address, error, tries) {
    if (error.status === 404) throw new OpenAgain();
    if (error.status === 403) {
      this.#addresses.delete(number);
      tries.refusals = this.ports.now() - address.signedMs < FRESH_MS ? tries.refusals + 1 : 0;
      if (tries.refusals < MOST_REFUSALS) return;
      throw new UploadStopped(
        `The storage refuses the coordinator's addresses (403 ${error.code}). Tell an operator.`,
      );
    }
    if (error.status === 400 && error.code !== "RequestTimeout") {
      // Read anew: a bit that flipped on the way here is right the next time.
      this.#addresses.delete(number);
      this.film.checksums.delete(number);
      tries.spoilt += 1;
      if (tries.spoilt < MOST_SPOILT) return;
      throw new UploadStopped(
        `The file changes while it is sent (${error.code}). Choose it again once it stays.`,
      );
    }
    if (error.status > 400 && error.status < 500 && error.status !== 408 && error.status !== 429) {
      throw new UploadStopped(
        `The storage refuses part ${number} (${error.status} ${error.code}). Tell an operator.`,
      );
    }
    if (error.status === 0) await this.#demandReadable(number);
    tries.failures += 1;
    await this.#wait(tries.failures, error.retryAfterS, this.#whyNoAnswer(error, tries.failures));
  }

  /** A bucket that does not know this page looks like a dead network too. @param {PutFailed} error @param {number} failures */
  #whyNoAnswer(error, failures) {
    const isStrange = error.status === 0 && failures >= 3 && this.#held.size === 0;
    const hint = "; if it stays so, an operator must name this page's origin in BrowserOrigins";
    return `The storage does not answer${isStrange ? hint : ""}`;
  }

  /** A file that was changed or unplugged looks like a dead network. Raises Unreadable. @param {number} number */
  async #demandReadable(number) {
    const again = await this.ports.checksum(this.#piece(number));
    if (again !== this.film.checksums.get(number)) throw new Unreadable();
  }

  /** Where to PUT a part now; addresses come in batches. @param {number} number */
  async #address(number) {
    for (let margin = MARGIN_MS; ; margin = 0) {
      this.#demandRunning();
      const known = this.#addresses.get(number);
      if (known && known.endsMs - margin > this.ports.now()) return known;
      this.#signing ??= this.#sign(number).finally(() => {
        this.#signing = null;
      });
      await this.#signing;
    }
  }

  /**
   * Have `first` signed, and the next parts that will be needed. The last part is signed with the claim of the whole: so
   * the coordinator completes the upload even if this page is closed by then.
   * @param {number} first
   */
  async #sign(first) {
    const soon = this.ports.now() + MARGIN_MS;
    const next = this.#queue.filter((number) => (this.#addresses.get(number)?.endsMs ?? 0) < soon);
    /** @type {{number: number, crc64nvme: string}[]} */
    const parts = [];
    for (const number of [first, ...next.slice(0, BATCH - 1)]) {
      parts.push({ number, crc64nvme: await this.#checksum(number) });
    }
    const isRead = numbersOf(this.#upload.plan).every((number) => this.film.checksums.has(number));
    const claim = isRead ? await this.#whole() : undefined;
    const urls = await this.#ask(() => this.ports.sign(this.#upload.upload_id, parts, claim));
    const signedMs = this.ports.now();
    for (const each of urls) {
      this.#addresses.set(each.number, {
        url: each.url,
        headers: each.headers,
        signedMs,
        endsMs: signedMs + each.expires_in_s * 1000,
      });
    }
  }

  /**
   * What the coordinator answers; waits as long as it says to try again. Raises Problem, OpenAgain.
   * @param {() => Promise<any>} call
   */
  async #ask(call) {
    for (let failures = 1; ; failures += 1) {
      this.#demandRunning();
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.action === "reopen" || error.action === "resign") throw new OpenAgain();
        if (error.action !== "retry") throw error;
        await this.#wait(failures, error.retryAfterS, error.detail);
      }
    }
  }

  /** @param {number} failures @param {number | null} retryAfterS @param {string} why */
  async #wait(failures, retryAfterS, why) {
    const seconds = backOffS(failures, this.ports.random(), retryAfterS);
    this.ports.note(`${why.replace(/[.\s]+$/, "")}. Next try in ${Math.ceil(seconds)} s.`);
    await this.ports.sleep(seconds * 1000, this.signal);
    this.#demandRunning();
  }

  /** The CRC64NVME of the whole film, as this browser read it. */
  async #whole() {
    const parts = [];
    for (const number of numbersOf(this.#upload.plan)) {
      const { sizeBytes } = spanOf(this.#upload.plan, number);
      parts.push({ crc64nvme: await this.#checksum(number), sizeBytes });
    }
    return fold(parts) ?? "";
  }

  /** @param {number} number */
  async #checksum(number) {
    this.#demandRunning();
    const known = this.film.checksums.get(number);
    if (known) return known;
    const made = await this.ports.checksum(this.#piece(number));
    this.film.checksums.set(number, made);
    return made;
  }

  /** @param {number} number */
  #piece(number) {
    const { first, sizeBytes } = spanOf(this.#upload.plan, number);
    return this.film.file.slice(first, first + sizeBytes);
  }

  #tell() {
    const { plan } = this.#upload;
    const held = [...this.#held].reduce((sum, number) => sum + spanOf(plan, number).sizeBytes, 0);
    const moving = [...this.#moving.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.ports.progress(Math.min(held + moving, plan.size_bytes));
  }

  #demandRunning() {
    if (this.signal.aborted) throw new Interrupted();
  }
}
