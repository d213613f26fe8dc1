/** Values as people read them. `null` is unknown, and reads as a dash. */

const UNKNOWN = "–";
const STEPS = ["B", "KB", "MB", "GB", "TB", "PB"];

/**
 * A size in decimal units, as cameras and disks say it.
 * @param {number | null | undefined} count
 */
export function bytes(count) {
  if (count === null || count === undefined) return UNKNOWN;
  let value = count;
  let step = 0;
  while (value >= 999.5 && step < STEPS.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${STEPS[step]}`;
}

/** @param {number | null | undefined} bytesPerSecond */
export function rate(bytesPerSecond) {
  return bytesPerSecond === null || bytesPerSecond === undefined
    ? UNKNOWN
    : `${bytes(bytesPerSecond)}/s`;
}

/**
 * A length of time in its two largest units.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${whole % 60} s`;
  return `${whole} s`;
}

/**
 * A position in a film: `1:02:03`, with tenths where asked for.
 * @param {number | null | undefined} seconds
 * @param {number} [decimals]
 */
export function position(seconds, decimals = 0) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const scale = 10 ** decimals;
  const whole = Math.floor(seconds * scale + 1e-6) / scale;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * A time in this browser's zone and language.
 * @param {string | null | undefined} text RFC 3339
 */
export function time(text) {
  if (!text) return UNKNOWN;
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(text),
  );
}

/**
 * How long ago a time was, such as `3 min ago`.
 * @param {string | null | undefined} text RFC 3339
 * @param {number} [nowMs]
 */
export function ago(text, nowMs = Date.now()) {
  if (!text) return UNKNOWN;
  const seconds = Math.max(0, (nowMs - new Date(text).getTime()) / 1000);
  return seconds < 5
    ? "just now"
    : `${duration(seconds < 120 ? seconds : roundMinutes(seconds))} ago`;
}

/**
 * A share as whole percent; 100 only where nothing is missing.
 * @param {number | null | undefined} part
 * @param {number | null | undefined} whole
 */
export function percent(part, whole) {
  if (part === null || part === undefined || !whole) return UNKNOWN;
  return `${part >= whole ? 100 : Math.min(99, Math.floor((part / whole) * 100))} %`;
}

/** @param {number | null | undefined} usd */
export function money(usd) {
  return usd === null || usd === undefined ? UNKNOWN : `$${usd.toFixed(2)}`;
}

/** @param {number} seconds */
function roundMinutes(seconds) {
  return Math.round(seconds / 60) * 60;
}
