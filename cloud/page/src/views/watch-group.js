/** The cameras of a group side by side, in step. */
import { get } from "../api.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { Bar } from "../player/bar.js";
import { useChoice } from "../player/choice.js";
import { Clock } from "../player/clock.js";
import { beginningsOf, GroupPlayer } from "../player/group.js";
import { keepOffsets, readOffsets } from "../player/offsets.js";
import { Screen } from "../player/screen.js";
import { TIMERS } from "../player/timers.js";
import { marksOf } from "../player/times.js";
import { address } from "../router.js";

/** So many films at once are played without being asked for: each takes its share of the network. */
const SHOWN_AT_FIRST = 4;

/**
 * What the view knows of a camera whose film is shown.
 * @typedef {object} Shown
 * @property {any} session
 * @property {import("../player/film.js").FilmPlayer} player
 * @property {number | null} timecode_s
 */

/** @param {{place: import("../router.js").Place}} given */
export default function WatchGroup({ place }) {
  const [names, setNames] = useState(/** @type {string[] | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {string[]} */ ([]));
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  useEffect(() => {
    let isShown = true;
    namesOf(place.name).then(
      (found) => {
        if (!isShown) return;
        setNames(found);
        setChosen(found.slice(0, SHOWN_AT_FIRST));
      },
      (error) => isShown && setProblem(error),
    );
    return () => {
      isShown = false;
    };
  }, [place.name]);
  const toggle = (/** @type {string} */ name) =>
    setChosen((before) =>
      before.includes(name) ? before.filter((each) => each !== name) : [...before, name],
    );
  return html`<h1>Watch <a href=${address("groups", place.name)}>${place.name}</a></h1>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!names && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${names?.length === 0 && html`<p>This group has no sessions.</p>`}
    ${
      names &&
      names.length > 0 &&
      html`<fieldset class="cameras">
          <legend>Cameras</legend>
          ${names.map(
            (name) => html`<label>
              <input type="checkbox" checked=${chosen.includes(name)} onChange=${() => toggle(name)} /> ${name}
            </label>`,
          )}
        </fieldset>
        <${Together} group=${place.name} names=${names.filter((name) => chosen.includes(name))} />`
    }`;
}

/**
 * @param {object} given
 * @param {string} given.group
 * @param {string[]} given.names of the sessions that are shown
 */
function Together({ group, names }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const [waiting, setWaiting] = useState(false);
  const [shown, setShown] = useState(/** @type {ReadonlyMap<string, Shown>} */ (new Map()));
  const [offsets, setOffsets] = useState(() => readOffsets(group));
  const [heard, setHeard] = useState(names[0] ?? "");
  const player = useMemo(() => new GroupPlayer({ timers: TIMERS, tell: setWaiting }), []);
  useEffect(() => () => player.end(), [player]);

  const cameras = names.flatMap((name) => shown.get(name) ?? []);
  const { begins_s, by } = beginningsOf(
    cameras.map(({ session, timecode_s }) => ({
      timecode_s,
      created: session.chapters[0]?.created ?? null,
    })),
  );
  const key = cameras.map(({ session }, place) => [session.session_id, begins_s[place]]).join();
  useEffect(() => {
    player.setCameras(
      cameras.map(({ session, player: own }, place) => ({
        name: session.session_id,
        player: own,
        begins_s: (begins_s[place] ?? 0) + (offsets[session.session_id] ?? 0),
      })),
    );
  }, [player, shown, key, offsets]);

  const take = (/** @type {string} */ name, /** @type {Shown | null} */ camera) =>
    setShown((before) => {
      const now = new Map(before);
      if (camera) now.set(name, camera);
      else now.delete(name);
      return now;
    });
  const move = (/** @type {string} */ name, /** @type {number} */ offset_s) => {
    const now = { ...offsets, [name]: offset_s };
    setOffsets(now);
    keepOffsets(group, now);
  };
  const hear = (/** @type {string} */ name) => {
    setHeard(name);
    player.hear(name);
  };
  const toggle = () => (player.clock.playing ? player.pause() : player.play());
  const [first] = cameras;
  const start_s = first ? player.startOf(first.session.session_id) : 0;
  const marks = marksOf(first?.session).map((mark) => ({
    ...mark,
    start_s: mark.start_s + start_s,
    end_s: mark.end_s + start_s,
  }));
  return html`<section class="player" ref=${frame} aria-label="Films of the group">
      <div class="together">
        ${names.map(
          (name) => html`<${Camera}
            key=${name}
            name=${name}
            offset_s=${offsets[name] ?? 0}
            isHeard=${heard === name}
            take=${take}
            move=${move}
            hear=${hear}
            press=${toggle}
          />`,
        )}
      </div>
      ${waiting && html`<p class="word" role="status">All cameras wait for the network.</p>`}
      ${cameras.length > 0 && html`<${Bar} transport=${player} marks=${marks} frame=${() => frame.current} />`}
    </section>
    ${cameras.length > 1 && html`<p class="quiet">${HOW[by]}</p>`}`;
}

/** @type {Record<"timecode" | "clock" | "nothing", string>} */
const HOW = {
  timecode:
    "The cameras are aligned by their time codes, as exact as the cameras' clocks were set. The offsets move them.",
  clock: "The cameras are aligned by their clocks, to a second at best. The offsets move them.",
  nothing: "When these films began is not known: they begin together. The offsets move them.",
};

/**
 * @param {object} given
 * @param {string} given.name of the session
 * @param {number} given.offset_s
 * @param {boolean} given.isHeard
 * @param {(name: string, camera: Shown | null) => void} given.take
 * @param {(name: string, offset_s: number) => void} given.move
 * @param {(name: string) => void} given.hear
 * @param {() => void} given.press
 */
function Camera({ name, offset_s, isHeard, take, move, hear, press }) {
  const [session, setSession] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const clock = useMemo(() => new Clock(), []);
  const choice = useChoice(session);
  useEffect(() => {
    get(`v1/sessions/${encodeURIComponent(name)}`).then(setSession, setProblem);
  }, [name]);
  const { way, library } = choice;
  const shown = useRef(true);
  useEffect(
    () => () => {
      shown.current = false;
      take(name, null);
    },
    [],
  );
  const present = async (/** @type {import("../player/film.js").FilmPlayer | null} */ player) => {
    if (!player || !way) {
      take(name, null);
      return;
    }
    const timecode_s = await library.timecode(way).catch(() => null);
    if (shown.current) take(name, { session, player, timecode_s });
  };
  const failed = problem ?? choice.problem;
  return html`<article class="camera" aria-label=${name}>
    ${way && html`<${Screen} label=${name} way=${way} library=${library} clock=${clock} take=${present} press=${press} />`}
    ${failed && html`<${ProblemNote} problem=${failed} />`}
    ${!way && !failed && html`<p class="word" aria-busy=${!choice.isOver}>${choice.isOver ? whyNone(choice) : "Looking for the film …"}</p>`}
    <div class="row">
      <a href=${address("sessions", name, "watch")}>${name}</a>
      <label>
        Offset
        <input
          type="number"
          step="0.01"
          value=${offset_s}
          aria-label=${`Offset of ${name} in seconds`}
          onChange=${(/** @type {any} */ event) => move(name, Number(event.currentTarget.value) || 0)}
        />
        s
      </label>
      <label>
        <input type="radio" name="heard" checked=${isHeard} aria-label=${`Hear ${name}`} onChange=${() => hear(name)} /> Sound
      </label>
    </div>
  </article>`;
}

/** @param {import("../player/choice.js").Choice} choice */
function whyNone({ refused }) {
  const [why = "Nothing that can be watched is in the storage yet."] = refused.values();
  return why;
}

/**
 * The names of a group's sessions, the earliest first. Raises Problem.
 * @param {string} group
 */
async function namesOf(group) {
  /** @type {string[]} */
  const names = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ group, limit: "100", ...(cursor ? { cursor } : {}) });
    const page = await get(`v1/sessions?${query}`);
    names.push(...page.sessions.map((/** @type {any} */ row) => row.session_id));
    cursor = page.cursor;
  } while (cursor);
  return names.reverse();
}
