/** What each key does while a film is shown. */

/**
 * @typedef {object} Pressed
 * @property {string} key
 * @property {boolean} [ctrlKey]
 * @property {boolean} [altKey]
 * @property {boolean} [metaKey]
 */

/** The keys as the help tells them. */
export const HELP = [
  ["Space, K", "Play or pause"],
  ["J, L", "10 seconds back, ahead"],
  ["← →", "5 seconds back, ahead"],
  [", .", "One frame back, ahead"],
  ["Home, End", "To the beginning, to the end"],
  ["0 … 9", "To that tenth of the film"],
  ["[ ]", "To the chapter before, to the next chapter"],
  ["< >", "Slower, faster"],
  ["↑ ↓", "Louder, softer"],
  ["M", "Sound off or on"],
  ["F", "Full screen"],
  ["T", "Say the time, for screen readers"],
  ["?", "These keys"],
];

/** @type {ReadonlyMap<string, string>} */
const ACTIONS = new Map([
  [" ", "toggle"],
  ["k", "toggle"],
  ["j", "back-10"],
  ["l", "ahead-10"],
  ["arrowleft", "back-5"],
  ["arrowright", "ahead-5"],
  [",", "frame-back"],
  [".", "frame-ahead"],
  ["home", "beginning"],
  ["end", "end"],
  ["[", "chapter-back"],
  ["]", "chapter-ahead"],
  ["<", "slower"],
  [">", "faster"],
  ["arrowup", "louder"],
  ["arrowdown", "softer"],
  ["m", "mute"],
  ["f", "full-screen"],
  ["t", "say-time"],
  ["?", "help"],
]);

/** What a focused element does with keys itself, as its tag and type name it. */
const TAKES_ALL = new Set(["TEXTAREA", "SELECT", "INPUT:text", "INPUT:search", "INPUT:number"]);
const TAKES_SPACE = new Set(["BUTTON", "SUMMARY", "A", "INPUT:checkbox", "INPUT:radio"]);
const TAKES_ARROWS = new Set(["INPUT:radio", "INPUT:range"]);
/** The class of the slider that seeks: its arrows are those of the film. */
export const SEEKS = "seek";

/**
 * The action of a key; null where it has none, or the focused element takes it.
 * @param {Pressed} pressed
 * @param {{tagName: string, type?: string, className?: string} | null} focused
 * @returns {string | null}
 */
export function actionOf({ key, ctrlKey, altKey, metaKey }, focused) {
  if (ctrlKey || altKey || metaKey) return null;
  const kind =
    focused?.tagName === "INPUT" ? `INPUT:${focused.type ?? "text"}` : (focused?.tagName ?? "");
  if (TAKES_ALL.has(kind)) return null;
  if (TAKES_SPACE.has(kind) && key === " ") return null;
  const isOwn = TAKES_ARROWS.has(kind) && focused?.className !== SEEKS;
  if (isOwn && /^(Arrow|Home|End)/.test(key)) return null;
  if (/^[0-9]$/.test(key)) return `tenth-${key}`;
  return ACTIONS.get(key.toLowerCase()) ?? null;
}

/** The speeds that can be chosen. */
export const RATES = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8];

/**
 * The next speed of the list.
 * @param {number} rate
 * @param {1 | -1} direction
 */
export function nextRate(rate, direction) {
  const next =
    direction > 0 ? RATES.find((each) => each > rate) : RATES.findLast((each) => each < rate);
  return next ?? rate;
}
