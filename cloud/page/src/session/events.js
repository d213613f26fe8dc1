/** What happened to a session, in order of time, from what its answer and its artifacts tell. */

/**
 * @typedef {object} Event
 * @property {string} at RFC 3339
 * @property {string} what
 * @property {"" | "bad"} kind
 */

/**
 * @param {any} session
 * @param {any[]} artifacts
 * @returns {Event[]} the oldest first
 */
export function eventsOf(session, artifacts) {
  /** @type {Event[]} */
  const events = [];
  /** @param {string | null | undefined} at @param {string} what @param {"" | "bad"} [kind] */
  const add = (at, what, kind = "") => {
    if (at) events.push({ at, what, kind });
  };
  const { storage, order, guarantee, progress } = session;
  add(session.created_at, storage.imported_at ? "Recorded here" : "Opened");
  add(storage.imported_at, `Imported from the older system (${storage.source})`);
  add(storage.recorded_at, "Filmed, as the older system says");
  add(guarantee.last_closed_at, "The camera closed the last chapter");
  for (const chapter of session.chapters) ofChapter(chapter, add);
  for (const lost of session.lost)
    add(lost.lost_at, `${lost.artifact_id} lost: ${lost.reason}`, "bad");
  add(guarantee.safe_at, "Every chapter has its receipt");
  add(order?.ordered_at, `Ordered (number ${order?.number})`);
  add(order?.sent_at, `Order number ${order?.number} sent to the processor`);
  for (const artifact of artifacts) ofArtifact(artifact, add);
  add(session.processed_at, "Processed, or released: the grace began");
  add(session.cleaned_at, "The originals are cleaned");
  add(session.proven_at, "The last proof at rest began");
  add(progress?.heard_at, "The device was last heard from");
  return events.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

/** @typedef {(at: string | null | undefined, what: string, kind?: "" | "bad") => void} Add */

/** @param {any} chapter @param {Add} add */
function ofChapter(chapter, add) {
  const name = `${chapter.directory}/${chapter.filename}`;
  add(chapter.receipt?.verified_at, `${name} has its receipt`);
  add(chapter.upload?.unproven_since, `${name}: S3 does not tell its checksum; it is kept`, "bad");
  const { read_twice: twice, read_back: back } = chapter.evidence ?? {};
  add(
    twice?.at,
    `${name}: its card was read again by ${twice?.by}, ${twice?.agrees ? "with the same bytes" : "and gave other bytes"}`,
    twice?.agrees === false ? "bad" : "",
  );
  add(
    back?.at,
    `${name}: S3's bytes were read back, ${back?.agrees ? "and are those of the receipt" : "and are damaged"}`,
    back?.agrees === false ? "bad" : "",
  );
}

/** @param {any} artifact @param {Add} add */
function ofArtifact(artifact, add) {
  if (artifact.kind === "original") return;
  add(artifact.receipt?.verified_at, `${artifact.artifact_id} verified`);
  const { index, scan } = artifact;
  if (index?.quarantine) {
    add(index.indexed_at, `${artifact.artifact_id} quarantined: ${index.quarantine}`, "bad");
  } else add(index?.indexed_at, `${artifact.artifact_id} indexed`);
  add(scan?.since, `${artifact.artifact_id} waits for its scan`);
}

/**
 * An entry of the audit trail in words, a line for each step.
 * @param {any} entry
 * @returns {string[]}
 */
export function trailLines(entry) {
  return entry.steps.map((/** @type {any} */ step) => {
    const name = step.name ? ` ${step.name}` : "";
    const change =
      step.before === null
        ? (step.after ?? "")
        : `${step.before} → ${step.after === null ? "none" : step.after}`;
    return `${step.thing}${name}: ${change}`;
  });
}
