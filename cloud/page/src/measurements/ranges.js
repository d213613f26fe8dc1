/** Which part of the film is shown, and what is asked of the coordinator for it. */

/**
 * @typedef {object} View a part of the film
 * @property {number} from_s
 * @property {number} to_s
 */

/** What an answer weighs on its way, zipped; measured with noisy values. */
const NUMBER_BYTES = 24;
const WORD_BYTES = 3;

/** The most that the first answer, and that a finer one, may weigh. */
export const WHOLE_BYTES = 300 * 1024;
export const FINER_BYTES = 150 * 1024;

const MOST_POINTS = 1000;
const FEWEST_POINTS = 50;
/** More frames than these take the coordinator longer than a person who zooms likes to wait. */
export const MOST_FRAMES_READ = 4000;
/** Rows that are not wider than so many pixels are fine enough. */
const FINE_PX = 3;
const FEWEST_FRAMES_SHOWN = 12;
const MARGIN = 0.25;

/**
 * How many buckets to ask for: no more than pixels, and no more than the answer may weigh.
 * @param {{numbers: string[], words: string[]}} columns
 * @param {number} width_px
 * @param {number} bytes
 */
export function pointsFor(columns, width_px, bytes) {
  const weight = columns.numbers.length * NUMBER_BYTES + columns.words.length * WORD_BYTES || 1;
  const affordable = Math.floor(bytes / weight);
  return Math.max(FEWEST_POINTS, Math.min(MOST_POINTS, Math.ceil(width_px), affordable));
}

/**
 * The part to ask finer rows for: the view and some more on both sides, so that a small step needs no question.
 *
 * Null where the rows that are there are fine enough, and where so many frames lie in the view that the coordinator
 * could not read them in time.
 * @param {View} view
 * @param {View} film
 * @param {number} frame_s how long a frame is shown
 * @param {{width_px: number, row_s: number}} shown how wide a plot is, and how long a row of the whole film is
 * @returns {View | null}
 */
export function partToAsk(view, film, frame_s, shown) {
  const length = view.to_s - view.from_s;
  const isFine = shown.row_s <= frame_s * 1.5 || (length / shown.width_px) * FINE_PX >= shown.row_s;
  if (isFine || length > MOST_FRAMES_READ * frame_s) return null;
  const margin = Math.min(length * MARGIN, (MOST_FRAMES_READ * frame_s - length) / 2);
  return {
    from_s: Math.max(film.from_s, view.from_s - margin),
    to_s: Math.min(film.to_s, view.to_s + margin),
  };
}

/**
 * Whether an answer about `held` will do for `view`: it holds all of it, and a new one would not be much finer.
 * @param {View | null} held
 * @param {View} view
 */
export function isEnough(held, view) {
  if (!held || view.from_s < held.from_s - 1e-6 || view.to_s > held.to_s + 1e-6) return false;
  return held.to_s - held.from_s <= (view.to_s - view.from_s) * 2 * (1 + MARGIN);
}

/**
 * The view that is `factor` times as long, with `at_s` at the same place in it.
 * @param {View} view
 * @param {View} film
 * @param {number} frame_s
 * @param {number} factor
 * @param {number} at_s
 * @returns {View}
 */
export function zoomed(view, film, frame_s, factor, at_s) {
  const before = view.to_s - view.from_s;
  const whole = film.to_s - film.from_s;
  const length = Math.min(whole, Math.max(before * factor, FEWEST_FRAMES_SHOWN * frame_s));
  const at = Math.min(Math.max(at_s, view.from_s), view.to_s);
  return within(at - ((at - view.from_s) / before) * length, length, film);
}

/**
 * The view `by_s` later, within the film.
 * @param {View} view
 * @param {View} film
 * @param {number} by_s
 * @returns {View}
 */
export function panned(view, film, by_s) {
  return within(view.from_s + by_s, view.to_s - view.from_s, film);
}

/**
 * The view after the film's time went from `before_s` to `now_s`: it follows a film that leaves it, and a jump. A view
 * that a person moved elsewhere stays.
 * @param {View} view
 * @param {View} film
 * @param {number} before_s
 * @param {number} now_s
 * @returns {View}
 */
export function following(view, film, before_s, now_s) {
  if (isIn(view, now_s)) return view;
  const isJump = Math.abs(now_s - before_s) > 1;
  if (!isJump && !isIn(view, before_s)) return view;
  const length = view.to_s - view.from_s;
  return within(now_s - length / 10, length, film);
}

/**
 * The time within the frame that is `frames` after the one shown at `time_s`. It lies a quarter into the frame, so that
 * rounding does not end in the one before.
 * @param {number} time_s
 * @param {number} frames
 * @param {{first_s: number, frame_s: number}} beat
 * @param {View} film
 */
export function stepped(time_s, frames, beat, film) {
  const place = Math.floor((time_s - beat.first_s) / beat.frame_s + 0.1) + frames;
  return inFilm(beat.first_s + (place + 0.25) * beat.frame_s, film);
}

/**
 * @param {number} time_s
 * @param {View} film
 */
export function inFilm(time_s, film) {
  return Math.min(Math.max(time_s, film.from_s), film.to_s);
}

/** @param {View} view @param {number} time_s */
function isIn(view, time_s) {
  return view.from_s <= time_s && time_s <= view.to_s;
}

/** @param {number} from_s @param {number} length @param {View} film @returns {View} */
function within(from_s, length, film) {
  const start = Math.max(film.from_s, Math.min(from_s, film.to_s - length));
  return { from_s: start, to_s: start + length };
}
