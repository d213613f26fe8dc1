/** Which plots a session's measurements offer, by the kind of its frames. */
import papi from "./papi.json" with { type: "json" };

/**
 * @typedef {object} Line one column in a plot
 * @property {string} column as the API names it
 * @property {string} label how people call it; of a light its letter
 * @property {number} ink which of the colours and dashes it has
 * @property {{value: number, interval: [number, number] | null} | null} turn where a light turns, in the plot's unit
 */

/**
 * @typedef {object} Plot
 * @property {string} id
 * @property {string} title
 * @property {string} unit as the registry says it; empty for none
 * @property {"lines" | "bands"} form
 * @property {Line[]} lines
 */

export const MOST_COLUMNS = 50;
const SHOWN_OF_GENERIC = 4;
const SHOWN_OF_PAPI = ["status", "angle", "intensity", "red_chromaticity"];
const COLOURS_SEEN = "red_chromaticity";

/**
 * All plots that these measurements can fill, in the order in which they are offered.
 * @param {any} summary as `…/frames/summary` answers it
 * @returns {Plot[]}
 */
export function plotsOf(summary) {
  return summary.kind === "papi" ? plotsOfLights(summary) : plotsOfNumbers(summary);
}

/**
 * The plots that are shown before a person chooses.
 * @param {string} kind
 * @param {Plot[]} plots
 * @returns {string[]}
 */
export function firstChoice(kind, plots) {
  const ids = plots.map((plot) => plot.id);
  if (kind !== "papi") return ids.slice(0, SHOWN_OF_GENERIC);
  return SHOWN_OF_PAPI.filter((id) => ids.includes(id));
}

/**
 * The columns that the chosen plots are drawn from.
 * @param {Plot[]} plots
 * @returns {{numbers: string[], words: string[]}}
 */
export function columnsOf(plots) {
  /** @param {Plot["form"]} form */
  const named = (form) =>
    plots.filter((plot) => plot.form === form).flatMap((plot) => plot.lines.map((it) => it.column));
  return { numbers: named("lines"), words: named("bands") };
}

/** @param {any} summary @returns {Plot[]} */
function plotsOfLights(summary) {
  const lights = Object.entries(summary.lights ?? {});
  /** @param {string} field @param {(light: any) => boolean} has @returns {Line[]} */
  const lines = (field, has) =>
    lights
      .filter(([, light]) => has(light))
      .map(([name, light]) => ({
        column: `${name}.${field}`,
        label: letterOf(name),
        ink: name.charCodeAt(name.length - 1) - "a".charCodeAt(0),
        turn: field === "angle" ? turnOf(light.transition) : null,
      }));
  /** @type {Plot[]} */
  const found = [
    {
      id: "status",
      title: "Status",
      unit: "",
      form: "bands",
      lines: lines("status", (light) => Object.values(light.statuses ?? {}).some((count) => count)),
    },
  ];
  for (const [field, { title, unit }] of Object.entries(papi.light)) {
    const seenBy = field.startsWith("rgb.") ? COLOURS_SEEN : field;
    const has = (/** @type {any} */ light) => Boolean(light.numbers?.[seenBy]);
    found.push({ id: field, title, unit, form: "lines", lines: lines(field, has) });
  }
  for (const [field, { title, unit }] of Object.entries(papi.frame)) {
    const line = { column: field, label: title, ink: 0, turn: null };
    const held = summary.numbers?.[field] ? [line] : [];
    found.push({ id: field, title, unit, form: "lines", lines: held });
  }
  return found.filter((plot) => plot.lines.length > 0);
}

/** @param {any} summary @returns {Plot[]} */
function plotsOfNumbers(summary) {
  return Object.keys(summary.numbers ?? {}).map((name, place) => ({
    id: name,
    title: name,
    unit: summary.units?.[name] ?? "",
    form: "lines",
    lines: [{ column: name, label: name, ink: place % 8, turn: null }],
  }));
}

/** @param {string} light such as `papi_a` */
export function letterOf(light) {
  return light.slice(light.lastIndexOf("_") + 1).toUpperCase();
}

/** @param {any} transition @returns {Line["turn"]} */
function turnOf(transition) {
  if (typeof transition?.angle !== "number") return null;
  return { value: transition.angle, interval: transition.interval ?? null };
}
