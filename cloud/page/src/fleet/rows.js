/** Sessions in a table, as every list of them shows them. */
import { bytes, percent, time } from "../format.js";
import { html } from "../html.js";
import { address } from "../router.js";
import { STATES, stateKind } from "../session/words.js";
import { cameraName } from "./devices.js";

/** The device of a session whose films came from a browser. */
const BROWSER = "browser";

/**
 * @param {object} given
 * @param {any[]} given.sessions
 * @param {string} given.caption
 * @param {ReadonlyMap<string, string>} given.names of devices, by id
 */
export function SessionTable({ sessions, caption, names }) {
  return html`<div class="scroll" role="region" aria-label=${caption} tabindex="0">
    <table class="stacked">
      <caption class="unseen">${caption}</caption>
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">State</th>
          <th scope="col">Opened</th>
          <th scope="col">Camera</th>
          <th scope="col">Brought by</th>
          <th scope="col">Group</th>
          <th scope="col" class="number">Proven</th>
          <th scope="col" class="number">Size</th>
        </tr>
      </thead>
      <tbody>
        ${sessions.map((each) => html`<${Row} key=${each.session_id} session=${each} names=${names} />`)}
      </tbody>
    </table>
  </div>`;
}

/** @param {{session: any, names: ReadonlyMap<string, string>}} given */
function Row({ session, names }) {
  const { chapters } = session;
  const device = session.device_id;
  return html`<tr>
    <th scope="row" class="name"><a href=${address("sessions", session.session_id)}>${session.session_id}</a></th>
    <td data-label="State">
      <span class=${`badge ${stateKind(session)}`} title=${STATES[session.state] ?? ""}>${session.state}</span>
      ${session.held && html`<span class="badge warn">held</span>`}
    </td>
    <td data-label="Opened">${time(session.created_at)}</td>
    <td data-label="Camera" class="name">${cameraName(session.camera)}</td>
    <td data-label="Brought by" class="name">${device === BROWSER ? "a browser" : (names.get(device) ?? device)}</td>
    <td data-label="Group" class="name">
      ${session.group ? html`<a href=${address("groups", session.group)}>${session.group}</a>` : "–"}
    </td>
    <td data-label="Proven" class="number">
      ${chapters.verified} of ${chapters.count}, ${percent(chapters.verified_bytes, chapters.size_bytes)}
    </td>
    <td data-label="Size" class="number">${bytes(chapters.size_bytes)}</td>
  </tr>`;
}
