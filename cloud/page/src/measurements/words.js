/** Measurements in words. */
import { position } from "../format.js";

const UNKNOWN = "–";
const WAITING = "…";
/** @type {Readonly<Record<string, string>>} */
const UNITS = { deg: "°", m: " m", px: " px" };
/** @type {Readonly<Record<string, string>>} */
export const STATUSES = {
  red: "red",
  white: "white",
  transition: "transition",
  not_visible: "not visible",
};
const DECIMALS = 3;

/**
 * How far one file of measurements is, in a sentence; null where its frames can be shown.
 * @param {any} artifact as the list of artifacts tells it
 * @returns {{text: string, is_fault: boolean} | null}
 */
export function whyNot(artifact) {
  if (artifact.index?.quarantine) {
    return {
      text: `The file is in quarantine, and none of its frames can be shown: ${artifact.index.quarantine}`,
      is_fault: true,
    };
  }
  if (artifact.index) return null;
  if (!artifact.receipt) {
    return {
      text: artifact.scan
        ? "The file is there, and waits for its scan. The page shows it when the scan has passed it."
        : "The order asks for it, and the processor has not brought it yet. The page shows it when it is here.",
      is_fault: false,
    };
  }
  return {
    text: "The file is here and its frames are being read. This takes a moment; the page looks by itself.",
    is_fault: false,
  };
}

/**
 * A value with its unit; null is unknown and never 0.
 * @param {number | null | undefined} value
 * @param {string} unit as the registry says it
 * @param {number} [decimals]
 */
export function valueText(value, unit, decimals = DECIMALS) {
  if (value === null || value === undefined) return UNKNOWN;
  const text = Math.abs(value) < 1e6 ? trimmed(value.toFixed(decimals)) : value.toPrecision(6);
  return `${text}${unitText(unit)}`;
}

/** @param {string} unit */
export function unitText(unit) {
  return UNITS[unit] ?? (unit ? ` ${unit}` : "");
}

/**
 * What a row says of one column: the value of its frame, or the mean of its frames and between what they lie.
 * @param {import("./series.js").Series | null} series null before the first answer
 * @param {number | null} row null where no frame was measured
 * @param {string} column
 * @param {string} unit
 */
export function numberAt(series, row, column, unit) {
  if (!series) return WAITING;
  if (row === null) return "no frame";
  const spread = series.numbers[column];
  const [mean, min, max] = [spread?.mean[row], spread?.min[row], spread?.max[row]];
  if (mean === null || mean === undefined) return UNKNOWN;
  if (series.count[row] === 1 || min === max) return valueText(mean, unit);
  return `≈ ${valueText(mean, unit)} (${valueText(min, "")} to ${valueText(max, "")})`;
}

/**
 * Which statuses a row has, the most frequent first.
 * @param {import("./series.js").Series | null} series
 * @param {number | null} row
 * @param {string} column
 */
export function statusAt(series, row, column) {
  if (!series) return WAITING;
  if (row === null) return "no frame";
  const said = Object.entries(series.words[column] ?? {})
    .map(([word, counts]) => /** @type {const} */ ([word, counts[row] ?? 0]))
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([word]) => STATUSES[word] ?? word);
  return said.join(", ") || UNKNOWN;
}

/**
 * The gaps of a film in a sentence; empty where there is none.
 * @param {[number, number][]} gaps
 */
export function gapsText(gaps) {
  if (gaps.length === 0) return "";
  const told = gaps
    .slice(0, 3)
    .map(([from, to]) => `${position(from, 1)} to ${position(to, 1)}`)
    .join(", ");
  const more = gaps.length > 3 ? ` and ${gaps.length - 3} more` : "";
  return `Without any frame: ${told}${more}.`;
}

/**
 * An angle in minutes of arc.
 * @param {number | null | undefined} degrees
 */
export function arcMinutes(degrees) {
  return degrees === null || degrees === undefined ? UNKNOWN : `${(degrees * 60).toFixed(1)}′`;
}

/**
 * An angle with half the length of its interval, which is in minutes of arc.
 * @param {number | null | undefined} angle
 * @param {[number, number] | null | undefined} interval
 */
export function angleText(angle, interval) {
  if (angle === null || angle === undefined) return UNKNOWN;
  if (!interval) return valueText(angle, "deg");
  const arm = ((interval[1] - interval[0]) / 2) * 60;
  return `${angle.toFixed(DECIMALS)}° ± ${arm.toFixed(arm < 1 ? 2 : 1)}′`;
}

/** @param {string} number with a point */
function trimmed(number) {
  return number.includes(".") ? number.replace(/\.?0+$/, "") : number;
}
