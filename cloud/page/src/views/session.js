/** A session: where each chapter is, what was made, what its cleanup waits for, and what an operator can do. */
import { get } from "../api.js";
import { time } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { live } from "../live.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { Actions } from "../session/actions.js";
import { uploadsToWatch } from "../session/chapters.js";
import { Gates } from "../session/gates.js";
import { History } from "../session/history.js";
import { ChapterMaps } from "../session/map.js";
import { Outputs } from "../session/outputs.js";
import { ShareButton } from "../session/share.js";
import { STATES, safeWords, stateKind } from "../session/words.js";

const UPLOADS_EVERY_MS = 15_000;

/**
 * @param {object} given
 * @param {import("../router.js").Place} given.place
 * @param {import("../main.js").Me} given.me
 */
export default function SessionView({ place, me }) {
  const path = `v1/sessions/${encodeURIComponent(place.name)}`;
  const { document: told, problem } = useLive(path);
  const [answered, setAnswered] = useState(/** @type {any} */ (null));
  const session = newest(told, answered);
  const { artifacts, problem: unlisted } = useArtifacts(path, session?.version);
  const uploads = useUploads(me.session || !session ? [] : uploadsToWatch(session));
  if (!session) {
    return html`<h1>${place.name}</h1>
      ${problem ? html`<${ProblemNote} problem=${problem} />` : html`<p aria-busy="true">One moment …</p>`}`;
  }
  const mayAct = me.role === "operator" && !me.session;
  return html`<${Head} session=${session} me=${me} />
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    <${Alerts} session=${session} />
    ${
      mayAct &&
      html`<${Actions} session=${session} artifacts=${artifacts} show=${setAnswered}>
        <${ShareButton} name=${session.session_id} />
      <//>`
    }
    <div class="session">
      <${ChapterMaps} session=${session} uploads=${uploads} artifacts=${artifacts} />
      <div>
        ${unlisted && html`<${ProblemNote} problem=${unlisted} />`}
        <${Outputs} session=${session} artifacts=${artifacts} />
        <${Gates} session=${session} mayAct=${mayAct} />
        <${History} session=${session} artifacts=${artifacts} mayAct=${mayAct} />
      </div>
    </div>`;
}

/**
 * The later of what a poll told and what an action answered.
 * @param {any} told
 * @param {any} answered
 */
function newest(told, answered) {
  if (!answered || !told) return told ?? answered;
  return answered.version > told.version ? answered : told;
}

/**
 * What the session has and must have; read again with each version of the session.
 * @param {string} path
 * @param {number | undefined} version
 * @returns {{artifacts: any[], problem: import("../api.js").Problem | null}}
 */
function useArtifacts(path, version) {
  const [known, setKnown] = useState({
    artifacts: /** @type {any[]} */ ([]),
    problem: /** @type {import("../api.js").Problem | null} */ (null),
  });
  useEffect(() => {
    if (version === undefined) return;
    const ending = new AbortController();
    get(`${path}/artifacts`, ending.signal).then(
      ({ artifacts }) => setKnown({ artifacts, problem: null }),
      (problem) => ending.signal.aborted || setKnown(({ artifacts }) => ({ artifacts, problem })),
    );
    return () => ending.abort();
  }, [path, version]);
  return known;
}

/**
 * What S3 has of the uploads that are open.
 * @param {string[]} ids
 * @returns {ReadonlyMap<string, any>}
 */
function useUploads(ids) {
  const [uploads, setUploads] = useState(/** @type {ReadonlyMap<string, any>} */ (new Map()));
  const named = ids.join(" ");
  useEffect(() => {
    const ends = (named ? named.split(" ") : []).map((id) =>
      live(
        `v1/uploads/${encodeURIComponent(id)}`,
        ({ document }) => document && setUploads((known) => new Map(known).set(id, document)),
        { pollMs: UPLOADS_EVERY_MS },
      ),
    );
    return () => ends.forEach((end) => void end());
  }, [named]);
  return uploads;
}

/** @param {{session: any, me: import("../main.js").Me}} given */
function Head({ session, me }) {
  const { camera, storage } = session;
  const name = session.session_id;
  const model = [camera.model, camera.serial].filter((each) => each).join(", ");
  return html`<header class="session-head">
    <h1>${name}</h1>
    <p>
      <span class=${`badge ${stateKind(session)}`}>${session.state}</span>
      ${" "}${session.held && html`<span class="badge warn">held</span> `}
      ${STATES[session.state] ?? ""}
    </p>
    <dl class="facts">
      <dt>Camera</dt><dd>${model || "unknown"}</dd>
      <dt>Brought by</dt><dd>${bringer(session)}</dd>
      ${session.group && html`<dt>Group</dt><dd>${me.session ? session.group : html`<a href=${address("groups", session.group)}>${session.group}</a>`}</dd>`}
      <dt>Opened</dt><dd>${time(session.created_at)}</dd>
      <dt>Safe</dt><dd>${safeWords(session.guarantee)}</dd>
      ${storage.row_id && html`<dt>Older system</dt><dd>${storage.source}, ${storage.row_id}</dd>`}
    </dl>
    <p class="ways-on">
      <a class="button" href=${address("sessions", name, "watch")}>Watch</a>
      <a class="button plain" href=${address("sessions", name, "receipt")}>Receipt</a>
      ${storage.origin === "browser" && session.state === "OPEN" && me.role === "operator" && !me.session && html`<a class="button plain" href=${address("sessions", name, "upload")}>Upload</a>`}
    </p>
  </header>`;
}

/** @param {any} session */
function bringer(session) {
  if (session.storage.origin === "older-system") return "an import from the older system";
  return session.storage.origin === "browser" ? "a browser" : session.device_id;
}

/** What a person must know before anything else. @param {{session: any}} given */
function Alerts({ session }) {
  return html`
    ${session.failure && html`<p class="notice bad" role="status"><strong>Failed:</strong> ${session.failure}</p>`}
    ${session.held && html`<p class="notice warn" role="status"><strong>Held:</strong> ${session.held}</p>`}
    ${session.restoring.length > 0 && html`<p class="notice" role="status"><strong>On the way back:</strong> ${session.restoring.join(", ")}</p>`}
    ${session.lost.map(
      (/** @type {any} */ each) => html`<p key=${each.artifact_id} class="notice bad" role="status">
        <strong>Lost: ${each.artifact_id}</strong> (${each.reason}). What helps: ${each.remedy}
      </p>`,
    )}
    ${!session.guarantee.agrees && html`<p class="notice bad" role="status"><strong>Two reads of a card differ.</strong> Keep the card: it may be all that has the true bytes.</p>`}
  `;
}
