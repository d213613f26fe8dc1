/**
 * Buckets of the API as rows over time.
 *
 * A row is a bucket of frames. A gap is a row of its own without any value, so that no line is drawn across it, and a
 * value that is missing stays null.
 */

/**
 * @typedef {object} Spread the least, the greatest and the mean value of each row
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 * @property {(number | null)[]} mean
 */

/**
 * @typedef {object} Series
 * @property {number[]} x the middle of each row, ascending
 * @property {number[]} from_s the time of its first frame
 * @property {number[]} to_s the time of its last frame
 * @property {number[]} count how many frames it has; 0 is a gap
 * @property {number} frame_s how long a frame is shown
 * @property {Record<string, Spread>} numbers by column
 * @property {Record<string, Record<string, number[]>>} words how many frames say each word, by column
 */

/** Two frames that are further apart than so many have a gap between them, consecutive numbers or not. */
const GAP_FRAMES = 5;

const GAP = -1;

/**
 * @param {any} points as the API answers them
 * @param {number} frame_s
 * @returns {Series}
 */
export function seriesOf(points, frame_s) {
  const { rows, from_s, to_s } = rowsOf(points, frame_s);
  /** @param {any[] | undefined} values @param {any} absent */
  const picked = (values, absent) =>
    rows.map((place) => (place === GAP ? absent : (values?.[place] ?? absent)));
  return {
    x: middlesOf(from_s, to_s),
    from_s,
    to_s,
    count: picked(points.count, 0),
    frame_s,
    numbers: mapped(points.numbers, (lists) => ({
      min: picked(lists.min, null),
      max: picked(lists.max, null),
      mean: picked(lists.mean, null),
    })),
    words: mapped(points.statuses, (words) => mapped(words, (counts) => picked(counts, 0))),
  };
}

/**
 * `whole` with the rows of `detail` in the place of its own.
 * @param {Series} whole
 * @param {Series | null} detail finer rows of a part of it
 * @returns {Series}
 */
export function joined(whole, detail) {
  if (!detail || detail.x.length === 0) return whole;
  const from = /** @type {number} */ (detail.x[0]);
  const to = /** @type {number} */ (detail.x[detail.x.length - 1]);
  const before = whole.x.findIndex((x) => x >= from);
  const start = before < 0 ? whole.x.length : before;
  const after = whole.x.findIndex((x) => x > to);
  const end = after < 0 ? whole.x.length : after;
  /** @type {<T>(outer: T[] | undefined, inner: T[] | undefined, absent: T) => T[]} */
  const spliced = (outer, inner, absent) => [
    ...(outer ?? Array(whole.x.length).fill(absent)).slice(0, start),
    ...(inner ?? Array(detail.x.length).fill(absent)),
    ...(outer ?? Array(whole.x.length).fill(absent)).slice(end),
  ];
  return {
    x: spliced(whole.x, detail.x, 0),
    from_s: spliced(whole.from_s, detail.from_s, 0),
    to_s: spliced(whole.to_s, detail.to_s, 0),
    count: spliced(whole.count, detail.count, 0),
    frame_s: whole.frame_s,
    numbers: merged(whole.numbers, detail.numbers, (outer, inner) => ({
      min: spliced(outer?.min, inner?.min, null),
      max: spliced(outer?.max, inner?.max, null),
      mean: spliced(outer?.mean, inner?.mean, null),
    })),
    words: merged(whole.words, detail.words, (outer, inner) =>
      merged(outer ?? {}, inner ?? {}, (outerCounts, innerCounts) =>
        spliced(outerCounts, innerCounts, 0),
      ),
    ),
  };
}

/**
 * The row that holds the frame shown at `time_s`; null in a gap and outside.
 * @param {Series} series
 * @param {number} time_s
 * @returns {number | null}
 */
export function rowAt(series, time_s) {
  const half = series.frame_s / 2;
  const next = firstAbove(series.from_s, time_s + half);
  const row = next - 1;
  if (row < 0 || series.count[row] === 0) return null;
  return time_s <= /** @type {number} */ (series.to_s[row]) + 3 * half ? row : null;
}

/**
 * Which rows lie in a view, with one more at each side: from the first to before the second.
 * @param {Series} series
 * @param {{from_s: number, to_s: number}} view
 * @returns {[number, number]}
 */
export function rowsIn(series, view) {
  return [
    Math.max(0, firstAbove(series.from_s, view.from_s) - 2),
    Math.min(series.x.length, firstAbove(series.from_s, view.to_s) + 1),
  ];
}

/**
 * The least and the greatest value of columns in a view; null where there is none.
 * @param {Series} series
 * @param {string[]} columns
 * @param {{from_s: number, to_s: number}} view
 * @returns {[number, number] | null}
 */
export function extentOf(series, columns, view) {
  const [start, end] = rowsIn(series, view);
  let least = Infinity;
  let greatest = -Infinity;
  for (const column of columns) {
    const spread = series.numbers[column];
    for (let row = start; spread && row < end; row += 1) {
      const [min, max] = [spread.min[row] ?? null, spread.max[row] ?? null];
      if (min !== null && min < least) least = min;
      if (max !== null && max > greatest) greatest = max;
    }
  }
  return least <= greatest ? [least, greatest] : null;
}

/**
 * The gaps of a series as from and to, in seconds.
 * @param {Series} series
 * @returns {[number, number][]}
 */
export function gapsOf(series) {
  /** @type {[number, number][]} */
  const gaps = [];
  series.count.forEach((count, row) => {
    if (count === 0)
      gaps.push([
        /** @type {number} */ (series.from_s[row]),
        /** @type {number} */ (series.to_s[row]),
      ]);
  });
  return gaps;
}

/**
 * The places of buckets in the order of time, with GAP where frames are missing between two.
 * @param {any} points
 * @param {number} frame_s
 */
function rowsOf(points, frame_s) {
  /** @type {{rows: number[], from_s: number[], to_s: number[]}} */
  const found = { rows: [], from_s: [], to_s: [] };
  /** @type {number[]} */
  const held = [];
  points.count.forEach((/** @type {number} */ count, /** @type {number} */ place) => {
    if (count > 0) held.push(place);
  });
  held.sort((one, other) => points.first_s[one] - points.first_s[other] || one - other);
  let before = null;
  for (const place of held) {
    const [from, to] = [points.first_s[place], points.last_s[place]];
    if (before !== null) {
      const hole = from - points.last_s[before];
      const isNext = place === before + 1 && hole <= GAP_FRAMES * frame_s * 1.001;
      if (!isNext) {
        found.rows.push(GAP);
        found.from_s.push(hole > 0 ? points.last_s[before] + Math.min(frame_s, hole / 2) : from);
        found.to_s.push(from);
      }
    }
    found.rows.push(place);
    found.from_s.push(from);
    found.to_s.push(to);
    before = place;
  }
  return found;
}

/**
 * The middle of each row, never before that of the row before: times of frames need not ascend.
 * @param {number[]} from_s
 * @param {number[]} to_s
 */
function middlesOf(from_s, to_s) {
  let last = -Infinity;
  return from_s.map((from, row) => {
    last = Math.max(last, (from + /** @type {number} */ (to_s[row])) / 2);
    return last;
  });
}

/**
 * The place of the first value above `limit` in ascending values; their number where there is none.
 * @param {number[]} values
 * @param {number} limit
 */
function firstAbove(values, limit) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {number} */ (values[middle]) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @type {<A, B>(object: Record<string, A> | undefined, change: (value: A) => B) => Record<string, B>} */
function mapped(object, change) {
  return Object.fromEntries(
    Object.entries(object ?? {}).map(([name, value]) => [name, change(value)]),
  );
}

/**
 * @template A, B
 * @param {Record<string, A>} outer
 * @param {Record<string, A>} inner
 * @param {(outer: A | undefined, inner: A | undefined) => B} join
 * @returns {Record<string, B>}
 */
function merged(outer, inner, join) {
  const names = new Set([...Object.keys(outer), ...Object.keys(inner)]);
  return Object.fromEntries([...names].map((name) => [name, join(outer[name], inner[name])]));
}
