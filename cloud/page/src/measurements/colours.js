/** Colours and dashes of lines; the style sheet has the colours, for light and dark. */

/** @type {ReadonlyArray<number[]>} */
export const DASHES = [[], [9, 4], [3, 3], [12, 3, 3, 3], [6, 6], [2, 5], [14, 4], [5, 2, 2, 2]];

/**
 * @typedef {object} Colours
 * @property {string[]} inks of lines
 * @property {string} ink of text
 * @property {string} quiet
 * @property {string} line
 * @property {string} card
 * @property {Record<string, string>} statuses
 */

/**
 * The colours that apply to `element` now.
 * @param {Element} element
 * @returns {Colours}
 */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const named = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    inks: DASHES.map((_, place) => named(`--ink-${place}`)),
    ink: named("--ink"),
    quiet: named("--quiet"),
    line: named("--line"),
    card: named("--card"),
    statuses: {
      red: named("--status-red"),
      white: named("--status-white"),
      transition: named("--status-transition"),
      not_visible: named("--status-not-visible"),
    },
  };
}

/**
 * Call `changed` when the system goes from light to dark or back.
 * @param {() => void} changed
 * @returns {() => void} ends it
 */
export function followScheme(changed) {
  const query = window.matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}
