/** The film of one session, with its bar, its chapters, and the choice between what there is. */
import { bytes } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { Bar } from "./bar.js";
import { useChoice } from "./choice.js";
import { useClock } from "./follow.js";
import { Screen } from "./screen.js";
import { exact, markAt, marksOf } from "./times.js";
import { filmLength } from "./ways.js";

/** @param {{session: any, clock: import("./clock.js").Clock}} given */
export function SessionFilm({ session, clock }) {
  const choice = useChoice(session);
  const [player, setPlayer] = useState(/** @type {import("./film.js").FilmPlayer | null} */ (null));
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const { way, library } = choice;
  // The files tell their lengths exactly, and so where each chapter begins; each that is read changes the whole length.
  useClock(clock, ({ duration_s }) => duration_s);
  const isByChapter = way !== null && way.kind !== "output";
  const marks = marksOf(
    session,
    isByChapter ? player?.chapters.map(({ duration_s }) => duration_s) : [],
  );
  // Without a film measurements still have a time to be looked at.
  const length_s = filmLength(session) ?? 0;
  useEffect(() => {
    if (!player) clock.tell({ duration_s: length_s });
  }, [clock, player, length_s]);
  const toggle = () => (clock.playing ? player?.pause() : player?.play());
  // A film that plays goes on: it does not need the list that could not be read again.
  if (choice.problem && !way) {
    return html`<${ProblemNote} problem=${choice.problem} retry=${choice.renew} />`;
  }
  if (!choice.isOver) return html`<p aria-busy="true">Looking for the film …</p>`;
  return html`<section class="player" ref=${frame} aria-label="Film">
      ${way && html`<${Screen} label=${session.session_id} way=${way} library=${library} clock=${clock} take=${setPlayer} press=${toggle} />`}
      ${player && html`<${Bar} transport=${player} marks=${marks} frame=${() => frame.current} />`}
      ${!way && html`<${NoFilm} session=${session} choice=${choice} />`}
    </section>
    <div class="beside">
      <${Ways} choice=${choice} />
      ${
        choice.hasMore &&
        html`<p role="status">
          More of the film is there now. <button type="button" class="plain" onClick=${choice.renew}>Show it</button>
        </p>`
      }
    </div>
    ${way && marks.length > 0 && html`<${Chapters} marks=${marks} clock=${clock} library=${library} />`}`;
}

/** @param {{choice: import("./choice.js").Choice}} given */
function Ways({ choice }) {
  const { ways, way } = choice;
  if (!ways || ways.length === 0) return null;
  return html`<label class="ways">
    Watch
    <select
      aria-label="Film to watch"
      value=${way?.key ?? [...choice.refused.keys()].at(-1)}
      onChange=${(/** @type {any} */ event) => choice.choose(event.currentTarget.value)}
    >
      ${ways.map((each) => html`<option value=${each.key}>${each.label} (${bytes(each.size_bytes)})</option>`)}
    </select>
  </label>`;
}

/**
 * Why nothing is shown, and what helps.
 * @param {{session: any, choice: import("./choice.js").Choice}} given
 */
function NoFilm({ session, choice }) {
  const whys = [...new Set(choice.refused.values())];
  const hasProxy = choice.ways?.some(({ kind }) => kind === "proxy");
  const isOfBrowser = whys.some((why) => why.startsWith("This browser"));
  return html`<div class="none" role="status">
    <h2>No film can be shown</h2>
    ${whys.map((why) => html`<p>${why}</p>`)}
    ${whys.length === 0 && html`<p>${"Nothing that can be watched is in the storage yet."}</p>`}
    ${isOfBrowser && !hasProxy && html`<p>No proxy was hauled.</p>`}
    ${
      isOfBrowser &&
      html`<p>
        Safari plays HEVC, and so do Chrome and Edge on a machine that decodes it in hardware. Or download the originals
        on <a href=${address("sessions", session.session_id)}>the session's page</a>.
      </p>`
    }
  </div>`;
}

/**
 * The chapters as buttons with their thumbnails.
 * @param {object} given
 * @param {import("./times.js").Mark[]} given.marks
 * @param {import("./clock.js").FilmClock} given.clock
 * @param {import("./library.js").Library} given.library
 */
function Chapters({ marks, clock, library }) {
  const present = useClock(clock, ({ time_s }) => markAt(marks, time_s)?.name ?? "");
  return html`<ol class="film-chapters" aria-label="Chapters">
    ${marks.map(
      (mark) => html`<li>
        <button
          type="button"
          class="plain"
          aria-current=${mark.name === present ? "true" : undefined}
          onClick=${() => clock.seek(mark.start_s)}
        >
          <${Thumbnail} artifact_id=${mark.thumbnail} library=${library} />
          <span>${mark.name}</span> <span class="quiet">${exact(mark.start_s)}</span>
        </button>
      </li>`,
    )}
  </ol>`;
}

/** @param {{artifact_id: string | null, library: import("./library.js").Library}} given */
function Thumbnail({ artifact_id, library }) {
  const [url, setUrl] = useState("");
  const retried = useRef(false);
  const show = (/** @type {Promise<string>} */ asked) => asked.then(setUrl, () => setUrl(""));
  useEffect(() => {
    if (artifact_id) void show(library.address(artifact_id).url());
  }, [artifact_id, library]);
  const renew = () => {
    setUrl("");
    if (!artifact_id || retried.current) return;
    retried.current = true;
    void show(library.address(artifact_id).renew());
  };
  return url
    ? html`<img src=${url} alt="" loading="lazy" onError=${renew} />`
    : html`<span class="blank" aria-hidden="true"></span>`;
}
