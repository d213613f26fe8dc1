/** The fleet: what needs a person, what all adds up to, the devices, and the newest sessions. */
import { get } from "../api.js";
import { concerns, untold } from "../fleet/attention.js";
import { backlog, cameraName, clearIn, deviceState, heard, rates } from "../fleet/devices.js";
import { Figures } from "../fleet/figures.js";
import { SessionTable } from "../fleet/rows.js";
import { bytes } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { Copy } from "../session/copy.js";

const TICK_MS = 10_000;
/** How many concerns are shown at once; the rest is behind a click. */
const SHOWN = 12;

/**
 * @param {object} given
 * @param {import("../main.js").Me} given.me
 */
export default function Fleet({ me }) {
  const { document: overview, problem } = useLive("v1/overview");
  const nowMs = useNow();
  return html`<h1>Fleet</h1>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!overview && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${overview && html`<${Overview} overview=${overview} nowMs=${nowMs} me=${me} />`}`;
}

/** @param {{overview: any, nowMs: number, me: import("../main.js").Me}} given */
function Overview({ overview, nowMs, me }) {
  const { devices, sessions } = overview;
  const isNew = devices.devices.length === 0 && sessions.sessions.length === 0;
  const names = new Map(
    devices.devices.map((/** @type {any} */ each) => [each.device_id, each.name]),
  );
  return html`
    <${Attention} overview=${overview} nowMs=${nowMs} />
    ${isNew ? html`<${Begin} me=${me} />` : html`<h2>Figures</h2><${Figures} overview=${overview} />`}
    ${!isNew && html`<${Devices} page=${devices} nowMs=${nowMs} />`}
    ${
      sessions.sessions.length > 0 &&
      html`<h2>Newest sessions</h2>
        <div class="card"><${SessionTable} sessions=${sessions.sessions} caption="Newest sessions" names=${names} />
        <p class="buttons"><a class="button plain" href=${address("sessions")}>All sessions</a></p></div>`
    }
  `;
}

/** @param {{overview: any, nowMs: number}} given */
function Attention({ overview, nowMs }) {
  const found = concerns(overview, nowMs);
  const more = untold(overview);
  return html`<section aria-labelledby="attention">
    <h2 id="attention">Needs a person${found.length > 0 && html` <span class="badge bad">${found.length + more}</span>`}</h2>
    ${found.length === 0 && html`<p class="card all-well"><span class="badge good">all well</span> Nothing needs a person.</p>`}
    <${Concerns} found=${found.slice(0, SHOWN)} />
    ${
      found.length > SHOWN &&
      html`<details class="rest">
        <summary>${found.length - SHOWN} more</summary>
        <${Concerns} found=${found.slice(SHOWN)} />
      </details>`
    }
    ${more > 0 && html`<p class="quiet">${more} older sessions need a person, too. They come up as these are dealt with.</p>`}
  </section>`;
}

/** @param {{found: import("../fleet/attention.js").Concern[]}} given */
function Concerns({ found }) {
  return html`<ul class="concerns">${found.map((each) => html`<${Item} key=${each.key} concern=${each} />`)}</ul>`;
}

/** @param {{concern: import("../fleet/attention.js").Concern}} given */
function Item({ concern }) {
  const { subject, href, reasons, next, command } = concern;
  return html`<li class=${`card concern ${concern.kind === "bad" ? "grave" : ""}`}>
    <h3>${href ? html`<a href=${href}>${subject}</a>` : subject}</h3>
    ${reasons.map(
      (each) =>
        html`<p key=${each.label}><span class=${`badge ${concern.kind}`}>${each.label}</span> ${each.words}</p>`,
    )}
    <p><strong>Next:</strong> ${next} ${command && html`<${Copy} text=${command} label="the command" />`}</p>
  </li>`;
}

/** What to do where nothing was ever brought. @param {{me: import("../main.js").Me}} given */
function Begin({ me }) {
  const coordinator = document.baseURI.replace(/[#?].*$/, "").replace(/\/$/, "");
  return html`<section class="card">
    <h2>No device is enrolled yet</h2>
    <ol>
      <li>
        Make a code for the device, with AWS credentials:
        ${" "}<${Copy} text="reelhaul-admin invite --stage STAGE --name jetson-north" label="the command" />
      </li>
      <li>On the device, exchange the code for its token: ${" "}<${Copy} text=${`sudo reelhaul-enroll ${coordinator} CODE`} label="the command" /></li>
      <li>Connect the camera. The session appears here as soon as the device has read its list.</li>
    </ol>
    ${me.role === "operator" && html`<p>Or <a href=${address("upload")}>upload films</a> from this browser.</p>`}
  </section>`;
}

/** @param {{page: any, nowMs: number}} given */
function Devices({ page, nowMs }) {
  const [later, setLater] = useState(
    /** @type {{devices: any[], cursor: string | null} | null} */ (null),
  );
  const [refused, setRefused] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const cursor = later ? later.cursor : page.cursor;
  const more = () =>
    get(`v1/devices?cursor=${encodeURIComponent(cursor)}`).then(
      (next) => {
        setRefused(null);
        setLater({ devices: [...(later?.devices ?? []), ...next.devices], cursor: next.cursor });
      },
      (error) => setRefused(error),
    );
  const devices = [...page.devices, ...(later?.devices ?? [])];
  if (devices.length === 0) return html`<h2>Devices</h2><p>No device is enrolled.</p>`;
  return html`<h2>Devices</h2>
    <div class="card">
      <div class="scroll" role="region" aria-label="Devices" tabindex="0">
        <table class="stacked">
          <caption class="unseen">Devices, as they were heard last</caption>
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col">State</th>
              <th scope="col">Last heard</th>
              <th scope="col">Camera</th>
              <th scope="col">Still to come</th>
              <th scope="col">Clear</th>
              <th scope="col" class="number">From camera</th>
              <th scope="col" class="number">To S3</th>
              <th scope="col" class="number">Disk free</th>
              <th scope="col">Client</th>
            </tr>
          </thead>
          <tbody>
            ${devices.map((each) => html`<${DeviceRow} key=${each.device_id} device=${each} nowMs=${nowMs} />`)}
          </tbody>
        </table>
      </div>
      ${refused && html`<${ProblemNote} problem=${refused} />`}
      ${cursor && html`<p class="buttons"><button type="button" class="plain" onClick=${more}>More devices</button></p>`}
    </div>`;
}

/** @param {{device: any, nowMs: number}} given */
function DeviceRow({ device, nowMs }) {
  const state = deviceState(device);
  const speed = rates(device);
  return html`<tr>
    <th scope="row" class="name" title=${device.device_id}>${device.name}</th>
    <td data-label="State"><span class=${`badge ${state.kind}`}>${state.label}</span></td>
    <td data-label="Last heard">${heard(device, nowMs)}</td>
    <td data-label="Camera" class="name">${cameraName(device.camera)}</td>
    <td data-label="Still to come">
      ${backlog(device)}
      ${device.hauling && html`<br /><a class="name" href=${address("sessions", device.session_id)}>${device.session_id}</a>`}
    </td>
    <td data-label="Clear">${clearIn(device, nowMs)}</td>
    <td data-label="From camera" class="number">${speed.down}</td>
    <td data-label="To S3" class="number">${speed.up}</td>
    <td data-label="Disk free" class="number">${bytes(device.disk_free_bytes)}</td>
    <td data-label="Client">${device.client_version ?? "unknown"}</td>
  </tr>`;
}

/** The present time, every ten seconds: ages of heartbeats grow while nothing new comes. */
function useNow() {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
