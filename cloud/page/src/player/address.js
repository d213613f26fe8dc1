/** The address of a stored file, which lives for some minutes: kept while it is good, asked for again before it dies. */

/** How long before its end an address is no longer taken for good, and the share of its life where that is shorter. */
export const MARGIN_S = 60;
const MARGIN_SHARE = 0.25;

/**
 * @typedef {object} Told
 * @property {string} url
 * @property {number} expires_in_s
 */

/** @typedef {{stale_s: number, dies_s: number}} Life */

/** @type {Life} */
const DEAD = { stale_s: Number.NEGATIVE_INFINITY, dies_s: Number.NEGATIVE_INFINITY };

/** One file's address. */
export class Address {
  /**
   * @param {() => Promise<Told>} ask the coordinator for a new one; raises Problem
   * @param {() => number} now in seconds
   */
  constructor(ask, now) {
    this._ask = ask;
    this._now = now;
    /** @type {{url: string, asked_s: number, life_s: number} | null} */
    this._held = null;
    /** @type {Promise<string> | null} */
    this._asking = null;
  }

  /**
   * When the present address dies, and when it is no longer taken for good, on the clock of `now`.
   * @returns {Life}
   */
  get life() {
    if (!this._held) return DEAD;
    const { asked_s, life_s } = this._held;
    const dies_s = asked_s + life_s;
    return { stale_s: dies_s - Math.min(MARGIN_S, life_s * MARGIN_SHARE), dies_s };
  }

  /** Whether there is no address, or it is dead or soon will be. */
  get isStale() {
    return this._now() >= this.life.stale_s;
  }

  /** An address that lives for a while. Raises Problem. */
  async url() {
    return this._held && !this.isStale ? this._held.url : await this.renew();
  }

  /**
   * A new address; who asks while one is on its way gets that. Raises Problem.
   * @returns {Promise<string>}
   */
  renew() {
    this._asking ??= this._renew().finally(() => {
      this._asking = null;
    });
    return this._asking;
  }

  async _renew() {
    const asked_s = this._now();
    const { url, expires_in_s } = await this._ask();
    this._held = { url, asked_s, life_s: expires_in_s };
    return url;
  }
}
