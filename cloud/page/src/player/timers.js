/** The browser's time, as the player is given it. */

/** @type {import("./film.js").Timers} */
export const TIMERS = {
  // Not the page's own clock: it stands still while a computer sleeps, and addresses die all the same.
  now: () => Date.now() / 1000,
  after: (wait_s, act) => {
    const timer = setTimeout(act, wait_s * 1000);
    return () => clearTimeout(timer);
  },
  onFrame: (act) => {
    requestAnimationFrame(act);
  },
};
