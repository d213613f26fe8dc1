/** Which view the address names. All of it is after the `#`: no server sees it, and nothing is reloaded. */

/**
 * @typedef {object} Place
 * @property {string} view the module of `views/`
 * @property {string} name the session, group or token that the address names; empty where it names none
 * @property {URLSearchParams} query what follows `?`, such as filters
 */

/** @type {ReadonlyArray<readonly [RegExp, string]>} */
const PLACES = [
  [/^$/, "fleet"],
  [/^login$/, "login"],
  [/^share\/([^/]+)$/, "share"],
  [/^upload$/, "upload"],
  [/^sessions$/, "sessions"],
  [/^sessions\/([^/]+)$/, "session"],
  [/^sessions\/([^/]+)\/watch$/, "watch"],
  [/^sessions\/([^/]+)\/receipt$/, "receipt"],
  [/^sessions\/([^/]+)\/upload$/, "upload"],
  [/^groups\/([^/]+)$/, "group"],
  [/^groups\/([^/]+)\/watch$/, "watch-group"],
];

/**
 * The place that a fragment names; the view is `missing` where it names none.
 * @param {string} fragment such as `#/sessions/match-17?state=OPEN`
 * @returns {Place}
 */
export function placeOf(fragment) {
  const [path = "", query = ""] = fragment.replace(/^#?\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(query);
  for (const [pattern, view] of PLACES) {
    const match = pattern.exec(path);
    const name = match && decoded(match[1] ?? "");
    if (name !== null && name !== undefined) return { view, name, query: parameters };
  }
  return { view: "missing", name: path, query: parameters };
}

/**
 * The address of a place, such as `address("sessions", "match 17", "watch")`.
 * @param {...string} steps
 * @returns {string}
 */
export function address(...steps) {
  return `#/${steps.map(encodeURIComponent).join("/")}`;
}

/**
 * Call `go` with each place that the address names from now on, and with the present one at once.
 * @param {(place: Place) => void} go
 * @returns {() => void} ends it
 */
export function followAddress(go) {
  const follow = () => go(placeOf(window.location.hash));
  window.addEventListener("hashchange", follow);
  follow();
  return () => window.removeEventListener("hashchange", follow);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
