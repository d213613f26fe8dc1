/** Times of a film as people read them. */
import { position } from "../format.js";

/**
 * @typedef {object} Mark
 * @property {string} name of a chapter
 * @property {number} start_s over all chapters
 * @property {number} end_s
 * @property {number | null} created what the camera's wall clock showed when it began, as an epoch
 * @property {string | null} thumbnail the artifact of its picture
 */

/**
 * The chapters of a session in its film's time; none while a length is unknown.
 * @param {any} session
 * @param {number[]} [lengths_s] of the chapters, where they are known more exactly than the session tells
 * @returns {Mark[]}
 */
export function marksOf(session, lengths_s = []) {
  /** @type {Mark[]} */
  const marks = [];
  let start_s = 0;
  for (const [place, chapter] of (session?.chapters ?? []).entries()) {
    const { filename, film, created, thumbnail } = chapter;
    const length_s = lengths_s[place] || (film?.duration_ms ?? 0) / 1000;
    if (!length_s) return [];
    const end_s = start_s + length_s;
    const picture = thumbnail?.receipt && !thumbnail.cleaned ? thumbnail.artifact_id : null;
    marks.push({ name: filename, start_s, end_s, created: created ?? null, thumbnail: picture });
    start_s = end_s;
  }
  return marks;
}

/**
 * The chapter of a time.
 * @param {Mark[]} marks
 * @param {number} time_s
 */
export function markAt(marks, time_s) {
  return marks.findLast(({ start_s }) => start_s <= time_s) ?? null;
}

/**
 * What the camera's own clock showed at a time of the film, such as `20 Nov 2026, 16:40:12`. Null where no one knows.
 * @param {Mark[]} marks
 * @param {number} time_s
 */
export function cameraTime(marks, time_s) {
  const mark = markAt(marks, time_s);
  if (!mark || mark.created === null) return null;
  // A camera's clock has no zone: its epoch is read as it was written.
  return new Intl.DateTimeFormat("en-GB", {
    dateStyle: "medium",
    timeStyle: "medium",
    timeZone: "UTC",
  }).format(new Date((mark.created + time_s - mark.start_s) * 1000));
}

/**
 * A position in words, for screen readers.
 * @param {number} time_s
 */
export function spoken(time_s) {
  const whole = Math.floor(time_s);
  const [hours, minutes, seconds] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const words = [
    [hours, "hour"],
    [minutes, "minute"],
    [seconds, "second"],
  ]
    .filter(([count], place) => Number(count) > 0 || place === 2)
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`);
  return words.join(" ");
}

/** @param {number} time_s to hundredths */
export function exact(time_s) {
  return position(time_s, 2);
}
