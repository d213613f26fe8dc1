/**
 * The newest answer of a call, again and again: views use it and do not know how the news arrives.
 *
 * A poll asks with the ETag of the last answer, so that an unchanged one costs no body. Errors make the polls rarer,
 * a hidden page makes none.
 */
import { call, Problem } from "./api.js";

export const POLL_MS = 5_000;
export const LONGEST_WAIT_MS = 60_000;

/**
 * @typedef {object} News
 * @property {any} document the last answer that came; null before the first
 * @property {Problem | null} problem why the last poll failed; null where it did not
 */

/**
 * Call `tell` with each new answer of `path`, and with the problem of each poll that fails.
 * @param {string} path
 * @param {(news: News) => void} tell
 * @param {object} [options]
 * @param {number} [options.pollMs]
 * @returns {() => void} ends it
 */
export function live(path, tell, options = {}) {
  const pollMs = options.pollMs ?? POLL_MS;
  const ending = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {string | null} */
  let etag = null;
  /** @type {any} */
  let document_ = null;
  let failures = 0;
  let asking = false;

  const ask = async () => {
    clearTimeout(timer);
    if (asking || ending.signal.aborted || document.hidden) return;
    asking = true;
    try {
      const answer = await call("GET", path, { etag, signal: ending.signal });
      failures = 0;
      etag = answer.etag;
      if (!answer.unchanged) document_ = answer.document;
      if (!ending.signal.aborted) tell({ document: document_, problem: null });
    } catch (error) {
      if (ending.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      failures += 1;
      tell({ document: document_, problem: error });
      if (error.isLoggedOut) return;
    } finally {
      asking = false;
    }
    timer = setTimeout(ask, nextWait(pollMs, failures, Math.random()));
  };

  const wake = () => void ask();
  document.addEventListener("visibilitychange", wake);
  void ask();
  return () => {
    ending.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", wake);
  };
}

/**
 * How long to wait for the next poll: longer after each failure in a row, and never the same for all pages.
 * @param {number} pollMs
 * @param {number} failures in a row
 * @param {number} random from 0 to 1
 */
export function nextWait(pollMs, failures, random) {
  const longest = Math.min(pollMs * 2 ** failures, LONGEST_WAIT_MS);
  return failures ? longest / 2 + (random * longest) / 2 : longest;
}
