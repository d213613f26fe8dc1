/**
 * The newest answer of a call, again and again: views use it and do not know how the news arrives.
 *
 * A poll asks with the ETag of the last answer, so that an unchanged one costs no body. Errors make the polls rarer,
 * a hidden page makes none. Where the coordinator says what changed, the page asks then, and polls seldom.
 */
import { call, Problem } from "./api.js";
import { pagePush } from "./push.js";

export const POLL_MS = 5_000;
/** While hints come, only what no hint tells of is missed for so long: an operator's command, and hints that are lost. */
export const HEARD_POLL_MS = 30_000;
export const LONGEST_WAIT_MS = 60_000;
/** So long after a poll a hint makes the next one, at the soonest. */
export const LEAST_GAP_MS = 1_000;
/** Hints of a list come with each heartbeat of each device: push asks no more often than polls do. */
export const LEAST_GAP_OF_LISTS_MS = POLL_MS;

/**
 * @typedef {object} News
 * @property {any} document the last answer that came; null before the first
 * @property {Problem | null} problem why the last poll failed; null where it did not
 */

/**
 * @typedef {object} Surroundings what the page's browser offers, and what tests put in its place
 * @property {typeof call} call
 * @property {Pick<import("./push.js").Push, "isUp" | "listen">} push
 * @property {() => boolean} isHidden
 * @property {(wake: () => void) => () => void} onVisibility calls `wake` when the page is hidden or seen again, until
 * it is ended
 * @property {() => number} random from 0 to 1
 * @property {() => number} now in milliseconds
 * @property {(act: () => void, ms: number) => any} after
 * @property {(timer: any) => void} forget
 */

/**
 * Call `tell` with each new answer of `path`, and with the problem of each poll that fails.
 * @param {string} path
 * @param {(news: News) => void} tell
 * @param {object} [options]
 * @param {number} [options.pollMs]
 * @param {Surroundings} [options.at]
 * @returns {() => void} ends it
 */
export function live(path, tell, options = {}) {
  const pollMs = options.pollMs ?? POLL_MS;
  const at = options.at ?? browser();
  const subject = subjectOf(path);
  const ending = new AbortController();
  /** @type {any} */
  let timer = null;
  /** @type {string | null} */
  let etag = null;
  /** @type {any} */
  let document_ = null;
  let failures = 0;
  let asking = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let isDue = false;
  let isOver = false;

  const ask = async () => {
    at.forget(timer);
    if (asking || ending.signal.aborted || at.isHidden()) return;
    asking = true;
    isDue = false;
    askedAt = at.now();
    try {
      const answer = await at.call("GET", path, { etag, signal: ending.signal });
      failures = 0;
      etag = answer.etag;
      if (!answer.unchanged) document_ = answer.document;
      if (!ending.signal.aborted) tell({ document: document_, problem: null });
    } catch (error) {
      if (ending.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      failures += 1;
      tell({ document: document_, problem: error });
      isOver = error.isLoggedOut;
      if (isOver) return;
    } finally {
      asking = false;
    }
    if (isDue && failures === 0) askSoon();
    else plan();
  };

  const plan = () => {
    const usual = at.push.isUp && subject ? Math.max(pollMs, HEARD_POLL_MS) : pollMs;
    at.forget(timer);
    timer = at.after(ask, nextWait(usual, failures, at.random()));
  };

  const askSoon = () => {
    const gap = subject?.session ? LEAST_GAP_MS : LEAST_GAP_OF_LISTS_MS;
    at.forget(timer);
    timer = at.after(ask, Math.max(0, askedAt + gap - at.now()));
  };

  const endListening = subject
    ? at.push.listen({
        changed: (session) => {
          if (subject.session !== null && subject.session !== session) return;
          // A poll that is on its way may have been answered before the change; one that failed waits for its turn.
          isDue = true;
          if (!asking && failures === 0 && !isOver) askSoon();
        },
        turned: () => {
          isDue = at.push.isUp;
          if (asking || failures > 0 || isOver) return;
          if (isDue) askSoon();
          else plan();
        },
      })
    : () => {};
  const endWatching = at.onVisibility(() => void ask());
  void ask();
  return () => {
    ending.abort();
    at.forget(timer);
    endListening();
    endWatching();
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

const OF_SEVERAL = new Set(["devices", "groups", "overview", "statistics"]);

/**
 * The session that a call is about, or null in it for one about several; null for a call of which no hint tells.
 * @param {string} path
 * @returns {{session: string | null} | null}
 */
export function subjectOf(path) {
  const [, kind, name] = /^v1\/([a-z]+)(?:\/([^/?]+))?/.exec(path) ?? [];
  if (kind === "sessions") return { session: name ? decodeURIComponent(name) : null };
  return kind && OF_SEVERAL.has(kind) ? { session: null } : null;
}

/** @type {Surroundings | null} */
let known = null;

function browser() {
  known ??= {
    call,
    push: pagePush(),
    isHidden: () => document.hidden,
    onVisibility: (wake) => {
      document.addEventListener("visibilitychange", wake);
      return () => document.removeEventListener("visibilitychange", wake);
    },
    random: Math.random,
    now: () => performance.now(),
    after: (act, ms) => setTimeout(act, ms),
    forget: (timer) => clearTimeout(timer),
  };
  return known;
}
