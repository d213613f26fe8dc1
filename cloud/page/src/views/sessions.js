/** All sessions, the newest first; what is asked for is in the address. */
import { get } from "../api.js";
import { addressOf, filtersOf, pathOf, STATES } from "../fleet/filters.js";
import { SessionTable } from "../fleet/rows.js";
import { html, useEffect, useState } from "../html.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";

/**
 * @param {object} given
 * @param {import("../router.js").Place} given.place
 */
export default function Sessions({ place }) {
  const filters = filtersOf(place.query);
  const cursor = place.query.get("cursor");
  const devices = useDevices();
  const { document: page, problem } = useLive(pathOf(filters, cursor));
  return html`<h1>Sessions</h1>
    <${Filters} key=${JSON.stringify(filters)} filters=${filters} devices=${devices} />
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!page && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${page && html`<${List} page=${page} filters=${filters} cursor=${cursor} names=${devices} />`}`;
}

/** @param {{page: any, filters: Record<string, string>, cursor: string | null, names: ReadonlyMap<string, string>}} given */
function List({ page, filters, cursor, names }) {
  const isFiltered = Object.keys(filters).length > 0;
  return html`<div class="card">
    ${
      page.sessions.length > 0
        ? html`<${SessionTable} sessions=${page.sessions} caption="Sessions, the newest first" names=${names} />`
        : html`<p role="status">${emptyWords(page.cursor, cursor, isFiltered)}</p>`
    }
    <nav class="buttons" aria-label="Pages">
      ${cursor && html`<a class="button plain" href=${addressOf(filters)}>To the newest</a>`}
      ${page.cursor && html`<a class="button" href=${addressOf(filters, page.cursor)}>Older sessions</a>`}
    </nav>
  </div>`;
}

/**
 * Why a page has no session. The coordinator looks at a bounded number for one page, so there may be older ones.
 * @param {string | null} next
 * @param {string | null} cursor
 * @param {boolean} isFiltered
 */
function emptyWords(next, cursor, isFiltered) {
  if (next) return "None of the sessions that were looked at so far fits. Older ones may.";
  if (cursor) return "There are no older sessions.";
  return isFiltered
    ? "No session fits. Take a filter away, or write it otherwise."
    : "There is no session yet. One appears here as soon as a device has read a camera's list.";
}

/** @param {{filters: Record<string, string>, devices: ReadonlyMap<string, string>}} given */
function Filters({ filters, devices }) {
  /** @param {SubmitEvent} event */
  const show = (event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    window.location.hash = addressOf(
      Object.fromEntries([...given].map(([name, text]) => [name, String(text)])),
    );
  };
  const device = filters.device ?? "";
  const known = device && !devices.has(device) ? new Map([...devices, [device, device]]) : devices;
  return html`<form class="card filters" role="search" aria-label="Filter sessions" onSubmit=${show}>
    <label>Name has <input name="text" defaultValue=${filters.text ?? ""} autocomplete="off" spellcheck=${false} /></label>
    <label>State
      <select name="state" defaultValue=${filters.state ?? ""}>
        <option value="">any</option>
        ${STATES.map((each) => html`<option key=${each} value=${each} selected=${each === filters.state}>${each}</option>`)}
      </select>
    </label>
    <label>Device
      <select name="device">
        <option value="">any</option>
        ${[...known].map(([id, name]) => html`<option key=${id} value=${id} selected=${id === device}>${name}</option>`)}
      </select>
    </label>
    <label>Camera's serial <input name="camera" defaultValue=${filters.camera ?? ""} autocomplete="off" spellcheck=${false} /></label>
    <label>Group <input name="group" defaultValue=${filters.group ?? ""} autocomplete="off" /></label>
    <label>From (UTC) <input name="from" type="date" defaultValue=${filters.from ?? ""} /></label>
    <label>To, included <input name="to" type="date" defaultValue=${filters.to ?? ""} /></label>
    <div class="buttons">
      ${Object.keys(filters).length > 0 && html`<a class="button plain" href=${addressOf({})}>All sessions</a>`}
      <button type="submit">Show</button>
    </div>
  </form>`;
}

/**
 * The names of the newest devices, by id, for the choice of one and in rows. A list without them still works.
 * @returns {ReadonlyMap<string, string>}
 */
function useDevices() {
  const [devices, setDevices] = useState(/** @type {ReadonlyMap<string, string>} */ (new Map()));
  useEffect(() => {
    const ending = new AbortController();
    get("v1/devices?limit=100", ending.signal).then(
      (page) =>
        setDevices(
          new Map(page.devices.map((/** @type {any} */ each) => [each.device_id, each.name])),
        ),
      () => {},
    );
    return () => ending.abort();
  }, []);
  return devices;
}
