/**
 * The socket on which the coordinator says which sessions changed. It opens while somebody listens and the page is
 * seen, is replaced before it ends, and comes back by itself. Where there is no push, nothing is ever heard.
 */
import { chosenProject, Problem, post } from "./api.js";

/** A running function of the coordinator knows of a new socket after five seconds; until then hints may be missed. */
export const SETTLE_MS = 6_000;
/** So long before its end a socket is replaced. */
export const RENEW_MS = 60_000;
export const FIRST_WAIT_MS = 1_000;
export const LONGEST_WAIT_MS = 60_000;
/** A socket that opens and falls again and again is no success until it stood for so long. */
export const STEADY_MS = 10_000;
/** After the last listener ended, the next view may want the socket. */
export const LINGER_MS = 5_000;

/**
 * @typedef {object} Surroundings what the page's browser offers, and what tests put in its place
 * @property {() => Promise<{url: string, socket_s: number}>} ticket asks for a socket's address. Raises Problem.
 * @property {(url: string) => WebSocket} open
 * @property {() => string | null} project the one that the page shows
 * @property {() => boolean} isHidden
 * @property {(wake: () => void) => void} onVisibility calls `wake` when the page is hidden or seen again
 * @property {() => number} random from 0 to 1
 * @property {(act: () => void, ms: number) => any} after
 * @property {(timer: any) => void} forget
 */

/**
 * @typedef {object} Listener
 * @property {(session: string) => void} changed a session of this name changed
 * @property {() => void} turned hints come now, or come no longer
 */

/** @typedef {ReturnType<typeof createPush>} Push */

/** @param {Surroundings} at */
export function createPush(at) {
  /** @type {Set<Listener>} */
  const listeners = new Set();
  /** @type {{socket: WebSocket, project: string | null, timers: any[]} | null} */
  let standing = null;
  /** @type {WebSocket | null} */
  let opening = null;
  /** @type {any} */
  let waiting = null;
  /** @type {any} */
  let lingering = null;
  let isUp = false;
  let isAsking = false;
  let failures = 0;
  let isAbsent = false;

  const isWanted = () => listeners.size > 0 && !at.isHidden() && !isAbsent;

  /** @param {boolean} up */
  const turn = (up) => {
    if (isUp === up) return;
    isUp = up;
    for (const each of [...listeners]) each.turned();
  };

  const drop = () => {
    const dropped = standing;
    standing = null;
    dropped?.timers.forEach(at.forget);
    dropped?.socket.close();
    turn(false);
  };

  const connect = async () => {
    at.forget(waiting);
    waiting = null;
    if (isAsking || opening || !isWanted()) return;
    isAsking = true;
    const project = at.project();
    try {
      const told = await at.ticket();
      if (isWanted()) stand(at.open(told.url), project, told.socket_s * 1_000);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // Who is not logged in, or may not, or where there is none: until somebody listens anew, or for good.
      if (error.status === 404) isAbsent = true;
      else if (error.status !== 401 && error.status !== 403) retry();
    } finally {
      isAsking = false;
    }
  };

  const retry = () => {
    at.forget(waiting);
    waiting = at.after(connect, nextWait(failures, at.random()));
    failures += 1;
  };

  /**
   * @param {WebSocket} socket
   * @param {string | null} project
   * @param {number} lifeMs
   */
  const stand = (socket, project, lifeMs) => {
    /** @type {any[]} */
    const timers = [];
    opening = socket;
    socket.onopen = () => {
      opening = null;
      if (!isWanted()) return socket.close();
      const before = standing;
      standing = { socket, project, timers };
      before?.timers.forEach(at.forget);
      before?.socket.close();
      timers.push(
        at.after(() => turn(true), SETTLE_MS),
        at.after(() => {
          failures = 0;
        }, STEADY_MS),
        at.after(connect, Math.max(lifeMs - RENEW_MS, RENEW_MS)),
        at.after(drop, lifeMs),
      );
    };
    socket.onmessage = ({ data }) => {
      const session = sessionOf(data);
      if (standing?.socket !== socket || session === null) return;
      for (const each of [...listeners]) each.changed(session);
    };
    socket.onclose = () => {
      timers.forEach(at.forget);
      const isLost = opening === socket || standing?.socket === socket;
      if (opening === socket) opening = null;
      if (standing?.socket === socket) {
        standing = null;
        turn(false);
      }
      if (isLost && isWanted()) retry();
    };
  };

  const look = () => {
    if (isWanted()) {
      if (standing && standing.project !== at.project()) drop();
      if (!standing) void connect();
      return;
    }
    at.forget(waiting);
    waiting = null;
    drop();
  };

  at.onVisibility(look);

  return {
    /** Whether hints come: then polls may be rare. */
    get isUp() {
      return isUp;
    },
    /**
     * @param {Listener} listener
     * @returns {() => void} ends it
     */
    listen(listener) {
      at.forget(lingering);
      listeners.add(listener);
      look();
      return () => {
        listeners.delete(listener);
        at.forget(lingering);
        lingering = at.after(look, LINGER_MS);
      };
    },
  };
}

/**
 * How long to wait before the next try to open a socket: longer after each failure, never the same for all pages.
 * @param {number} failures in a row
 * @param {number} random from 0 to 1
 */
export function nextWait(failures, random) {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return longest / 2 + (random * longest) / 2;
}

/**
 * The session that a message names; null for any other message.
 * @param {unknown} data
 */
function sessionOf(data) {
  try {
    const { changed, session } = JSON.parse(String(data));
    return changed === "session" && typeof session === "string" ? session : null;
  } catch {
    return null;
  }
}

/** @type {Push | null} */
let ofThePage = null;

/** The page's one socket. */
export function pagePush() {
  ofThePage ??= createPush({
    ticket: () => post("v1/push-tickets", {}),
    open: (url) => new WebSocket(url),
    project: chosenProject,
    isHidden: () => document.hidden,
    onVisibility: (wake) => document.addEventListener("visibilitychange", wake),
    random: Math.random,
    after: (act, ms) => setTimeout(act, ms),
    forget: (timer) => clearTimeout(timer),
  });
  return ofThePage;
}
