/** A group: all cameras of a match, how far each is, and the way to watch them together. */
import { get } from "../api.js";
import { ago, bytes, percent, time } from "../format.js";
import { html, useState } from "../html.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { stateKind } from "../session/words.js";

/**
 * @param {object} given
 * @param {import("../router.js").Place} given.place
 */
export default function GroupView({ place }) {
  const path = `v1/groups/${encodeURIComponent(place.name)}`;
  const { document: first, problem } = useLive(path);
  const [later, setLater] = useState(
    /** @type {{sessions: any[], cursor: string | null} | null} */ (null),
  );
  const [refused, setRefused] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const cursor = later ? later.cursor : (first?.cursor ?? null);
  const more = async () => {
    try {
      const page = await get(`${path}?cursor=${encodeURIComponent(cursor ?? "")}`);
      setLater({ sessions: [...(later?.sessions ?? []), ...page.sessions], cursor: page.cursor });
      setRefused(null);
    } catch (error) {
      setRefused(/** @type {import("../api.js").Problem} */ (error));
    }
  };
  const sessions = [...(first?.sessions ?? []), ...(later?.sessions ?? [])];
  return html`<h1>Group ${place.name}</h1>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!first && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${
      first &&
      html`<p class="ways-on">
        ${sessions.length > 1 && html`<a class="button" href=${address("groups", place.name, "watch")}>Watch together</a>`}
      </p>
      ${sessions.length === 0 && html`<p>No session is in this group. A device names the group when it opens a session.</p>`}
      <div class="cards">${sessions.map((each) => html`<${Member} key=${each.session_id} row=${each} />`)}</div>`
    }
    ${refused && html`<${ProblemNote} problem=${refused} />`}
    ${cursor && html`<p class="buttons"><button type="button" class="plain" onClick=${more}>Show more</button></p>`}`;
}

/** @param {{row: any}} given */
function Member({ row }) {
  const { chapters, camera } = row;
  const name = row.session_id;
  return html`<section class="card">
    <h2><a href=${address("sessions", name)}>${name}</a></h2>
    <p>
      <span class=${`badge ${stateKind(row)}`}>${row.state}</span>
      ${" "}${row.held && html`<span class="badge warn">held</span>`}
    </p>
    ${row.failure && html`<p class="notice bad">${row.failure}</p>`}
    ${row.held && html`<p class="notice warn">${row.held}</p>`}
    <dl class="facts">
      <dt>Camera</dt><dd>${[camera.model, camera.serial].filter((each) => each).join(", ")}</dd>
      <dt>Proven</dt><dd>
        ${chapters.verified} of ${chapters.count} chapters, ${bytes(chapters.verified_bytes)} of ${bytes(chapters.size_bytes)}
        ${" "}(${percent(chapters.verified_bytes, chapters.size_bytes)})
      </dd>
      <dt>Opened</dt><dd>${time(row.created_at)}</dd>
      ${row.progress && html`<dt>Last heard</dt><dd>${ago(row.progress.heard_at)}</dd>`}
    </dl>
    <p class="buttons"><a class="button plain" href=${address("sessions", name, "watch")}>Watch</a></p>
  </section>`;
}
