/** The chapters as bars: what is on the card, on the device, in S3, and proven. */
import { ago, bytes, percent } from "../format.js";
import { html } from "../html.js";
import {
  headline,
  isSilent,
  legsOf,
  legWords,
  mapChapters,
  WHEREABOUTS,
  wordsOf,
} from "./chapters.js";
import { Download } from "./download.js";
import { evidenceWords } from "./words.js";

const WIDTH = 1000;

/**
 * @param {object} given
 * @param {any} given.session
 * @param {ReadonlyMap<string, any>} given.uploads
 * @param {any[]} given.artifacts
 */
export function ChapterMaps({ session, uploads, artifacts }) {
  const maps = mapChapters(session, uploads, artifacts);
  const proven = maps.filter((map) => map.isProven);
  const sum = (/** @type {typeof maps} */ some) => some.reduce((all, map) => all + map.bytes, 0);
  const wheres = [...new Set(maps.flatMap((map) => map.segments.map((each) => each.where)))];
  return html`<section class="card" aria-labelledby="chapters">
    <h2 id="chapters">Chapters</h2>
    <p>
      <strong>${proven.length} of ${maps.length}</strong> proven,
      ${" "}${bytes(sum(proven))} of ${bytes(sum(maps))} (${percent(sum(proven), sum(maps))})
    </p>
    <${Ways} session=${session} maps=${maps} />
    <ul class="legend" aria-hidden="true">
      ${wheres.map((where) => html`<li key=${where}><span class=${`swatch at-${where}`}></span>${WHEREABOUTS[where]}</li>`)}
    </ul>
    <ol class="chapter-maps">
      ${maps.map((map, index) => html`<${ChapterRow} key=${map.artifactId} map=${map} session=${session} chapter=${session.chapters[index]} />`)}
    </ol>
  </section>`;
}

/**
 * How the bytes move now, and how long that takes.
 * @param {{session: any, maps: import("./chapters.js").ChapterMap[]}} given
 */
function Ways({ session, maps }) {
  const line = headline(session, maps);
  if (!line) return null;
  const told = session.progress;
  if (told && isSilent(told, Date.now())) {
    return html`<p class="notice warn">
      <strong>${line}.</strong> The device was last heard from ${ago(told.heard_at)}: this is how it was then.
    </p>`;
  }
  const { down, up } = legsOf(session, maps);
  return html`<div class="ways">
    <p><strong>${line}</strong></p>
    <dl class="facts">
      ${down && html`<dt>Card to device</dt><dd>${legWords(down, maps.length)}</dd>`}
      ${up && html`<dt>${session.device_id === null ? "Browser" : "Device"} to S3</dt><dd>${legWords(up, maps.length)}</dd>`}
      ${told && html`<dt>Device</dt><dd>heard from ${ago(told.heard_at)}, ${bytes(told.disk_free_bytes)} of its disk free</dd>`}
    </dl>
  </div>`;
}

/**
 * @param {object} given
 * @param {import("./chapters.js").ChapterMap} given.map
 * @param {any} given.session
 * @param {any} given.chapter
 */
function ChapterRow({ map, session, chapter }) {
  const id = session.session_id;
  const isThere = map.segments[0]?.where === "proven";
  return html`<li>
    <div class="row">
      <span class="name">${map.name}</span>
      <span class="quiet">${bytes(map.bytes)}</span>
    </div>
    <${Bar} map=${map} />
    <div class="row">
      <span>${wordsOf(map)}</span>
      <span class="buttons">
        ${isThere && html`<${Download} session=${id} artifactId=${map.artifactId} name=${map.name}>Original<//>`}
        ${chapter.proxy && html`<${Download} session=${id} artifactId=${chapter.proxy.artifact_id} name=${chapter.proxy.name}>Proxy<//>`}
        ${chapter.thumbnail && html`<${Download} session=${id} artifactId=${chapter.thumbnail.artifact_id} name=${chapter.thumbnail.name}>Thumbnail<//>`}
      </span>
    </div>
    <${Remarks} chapter=${chapter} />
  </li>`;
}

/** @param {{map: import("./chapters.js").ChapterMap}} given */
function Bar({ map }) {
  let from = 0;
  const rects = map.segments.map((segment) => {
    const width = (segment.bytes / map.bytes) * WIDTH;
    const x = from;
    from += width;
    return html`<rect key=${x} class=${`at-${segment.where}`} x=${x} y="0" width=${width} height="10" />`;
  });
  return html`<svg class="bar-of-parts" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" role="img" aria-label=${`${map.name}: ${wordsOf(map)}`}>
    ${rects}
  </svg>`;
}

/** What a person should know of a chapter, beside where it is. @param {{chapter: any}} given */
function Remarks({ chapter }) {
  const { evidence, film, lost } = chapter;
  return html`
    ${chapter.receipt && html`<p class=${evidence?.agrees === false ? "notice bad" : "quiet"}>${evidence ? html`<strong>${evidence.level}</strong>. ` : ""}${evidenceWords(evidence)}</p>`}
    ${lost && html`<p class="notice bad">Lost ${ago(lost.lost_at)}: ${lost.reason}</p>`}
    ${film?.is_broken && html`<p class="notice bad">A broken film: ${film.fault}</p>`}
    ${chapter.unfinished && html`<p class="notice warn">Hauled unfinished: the camera did not close this film.</p>`}
    ${chapter.upload?.unproven_since && html`<p class="notice warn">S3 does not tell its checksum since ${ago(chapter.upload.unproven_since)}. It is kept.</p>`}
  `;
}
