/** What was measured in the film, in step with it: its owner builds it. */

/** @param {{session: any, clock: import("../player/clock.js").FilmClock}} _given */
export function Measurements(_given) {
  return null;
}
