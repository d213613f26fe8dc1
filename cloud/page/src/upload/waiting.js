/** When to try again: later each time, never all at once, and never earlier than the server says. */

const FIRST_S = 1;
const LONGEST_S = 60;

/**
 * Seconds until the next try after so many failures in a row.
 * @param {number} failures from 1
 * @param {number} random from 0 to 1
 * @param {number | null} [retryAfterS] what the server asks for
 */
export function backOffS(failures, random, retryAfterS = null) {
  const longest = Math.min(LONGEST_S, FIRST_S * 2 ** Math.min(failures, 10));
  return Math.max(longest / 2 + (random * longest) / 2, retryAfterS ?? 0);
}
