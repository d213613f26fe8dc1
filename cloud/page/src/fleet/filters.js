/** The filters of the list of sessions: in the address, so that a link shows the same list. */
import { address } from "../router.js";

export const STATES = ["OPEN", "STORED", "PROCESSED", "CLEANED", "FAILED"];

/** What the coordinator's query and the address both name so. */
const NAMES = ["text", "state", "device", "camera", "group"];
const DAYS = ["from", "to"];
const ALL = [...NAMES, ...DAYS];

/**
 * The filters of an address, by name; what is empty is left out.
 * @param {URLSearchParams} query
 * @returns {Record<string, string>}
 */
export function filtersOf(query) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of ALL) {
    const text = (query.get(name) ?? "").trim();
    if (text) found[name] = text;
  }
  return found;
}

/**
 * The address of the list with these filters, from its newest session or from a cursor on.
 * @param {Record<string, string>} filters
 * @param {string | null} [cursor]
 */
export function addressOf(filters, cursor = null) {
  const query = new URLSearchParams();
  for (const name of ALL) {
    const text = (filters[name] ?? "").trim();
    if (text) query.set(name, text);
  }
  if (cursor) query.set("cursor", cursor);
  return query.size ? `${address("sessions")}?${query}` : address("sessions");
}

/**
 * The call that answers the list. Days are whole days (UTC), the last one included.
 * @param {Record<string, string>} filters
 * @param {string | null} [cursor]
 */
export function pathOf(filters, cursor = null) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filters[name]) query.set(name, filters[name]);
  if (filters.from) query.set("created_from", filters.from);
  if (filters.to) query.set("created_to", dayAfter(filters.to));
  if (cursor) query.set("cursor", cursor);
  return query.size ? `v1/sessions?${query}` : "v1/sessions";
}

/** The day after a day; what is no day stays as it is, and the coordinator says so. @param {string} day */
function dayAfter(day) {
  const next = new Date(`${day}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(next.getTime())) return day;
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().slice(0, 10);
}
