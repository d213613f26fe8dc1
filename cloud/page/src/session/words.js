/** What the coordinator tells by a name, in words. The page says nothing else by such a name. */
import { duration, time } from "../format.js";

/** @type {Readonly<Record<string, string>>} */
export const STATES = {
  OPEN: "Chapters are still on their way.",
  STORED: "Every chapter has its receipt. Its order is with the processor, or waits to be sent.",
  PROCESSED: "Every required output is verified. The originals are kept until all gates are open.",
  CLEANED: "The originals are cleaned. S3 keeps them hidden for a while, and they can be restored.",
  FAILED: "Nothing is processed and nothing is cleaned until it is ordered again.",
};

/** @type {Readonly<Record<string, string>>} */
export const LEVELS = {
  "read-once": "The device read it once from the card, and S3 has exactly those bytes.",
  "read-twice": "The card was read twice and gave the same bytes, and S3 has them.",
  "read-back":
    "The card was read twice and gave the same bytes, and what S3 has was read back and compared.",
};

/** Each gate of cleanup: what it asks. @type {Readonly<Record<string, string>>} */
export const GATES = {
  processed: "The session is processed",
  "outputs-required": "Its order requires something",
  "ordered-here": "It was ordered here, not by an import",
  "minimum-required": "Its order requires all that the deployment requires",
  "outputs-verified": "Each required output has its receipt",
  "measurements-indexed": "Required measurements are indexed",
  "chapters-verified": "Every chapter has its receipt",
  "nothing-open": "No upload is open, and nothing is being restored",
  "not-held": "No operator holds it",
  "not-quarantined": "No measurements are in quarantine",
  "originals-finished": "No film was hauled unfinished, or an operator accepted the outputs",
  "nothing-lost": "Nothing of it is lost or damaged",
  "originals-whole": "No original is a broken film",
  "evidence-agrees": "All reads of the card agree",
  "evidence-suffices": "Each chapter is known as surely as the deployment demands",
  "grace-over": "The grace is over",
  armed: "Cleanup is armed",
  "clocks-agree": "The coordinator's clock and S3's agree",
  "grace-over-in-s3": "The grace is over by S3's clock",
  "outputs-stand": "Each required output is still the version that was verified",
  "bucket-keeps": "The bucket keeps what is cleaned for as long as promised",
  "originals-stand": "Each original is still the version that was verified",
  "outputs-plausible": "The outputs are as long as the chapters",
  breaker: "The day's limit of cleaning is not reached",
};

/** @param {string} gate */
export function gateWords(gate) {
  return GATES[gate] ?? gate;
}

/**
 * How surely a chapter is known, in a sentence; a difference comes first.
 * @param {any} evidence null before the receipt
 */
export function evidenceWords(evidence) {
  if (!evidence) return "Nothing is proven yet.";
  if (!evidence.agrees) return "Two reads differ, and it is unknown which is right. Keep the card.";
  const back =
    evidence.level !== "read-back" && evidence.read_back
      ? " What S3 has was read back and compared, too."
      : "";
  return (LEVELS[evidence.level] ?? evidence.level) + back;
}

/**
 * The state of what a processor makes or a camera added, in words.
 * @param {any} artifact of the list of artifacts
 * @param {any} session
 * @returns {{words: string, kind: "good" | "warn" | "bad" | ""}}
 */
export function artifactState(artifact, session) {
  if (artifact.scan) return ofScan(artifact.scan);
  if (!artifact.receipt) {
    if (session.state === "FAILED") return { words: "not made", kind: "bad" };
    return { words: artifact.required ? "awaited" : "not verified yet", kind: "warn" };
  }
  if (artifact.cleaned) return { words: "cleaned; an operator can restore it", kind: "" };
  if (artifact.kind !== "measurements") return { words: "verified", kind: "good" };
  const { index } = artifact;
  if (!index) return { words: "verified, not indexed yet", kind: "warn" };
  if (index.quarantine) return { words: `in quarantine: ${index.quarantine}`, kind: "bad" };
  const rejected = index.rejected ? `, ${index.rejected} rejected` : "";
  return { words: `verified, ${index.frames} frames indexed${rejected}`, kind: "good" };
}

/**
 * @param {any} scan
 * @returns {{words: string, kind: "good" | "warn" | "bad" | ""}}
 */
function ofScan(scan) {
  if (scan.accepted)
    return { words: `accepted without a clean scan: ${scan.accepted}`, kind: "warn" };
  if (!scan.finding) return { words: "waits for its scan", kind: "warn" };
  return { words: `its scan says ${scan.finding}`, kind: "bad" };
}

/** How a badge of a state looks. @param {any} session */
export function stateKind(session) {
  if (session.state === "FAILED") return "bad";
  if (session.held) return "warn";
  return session.state === "PROCESSED" || session.state === "CLEANED" ? "good" : "";
}

/**
 * Since when every chapter is in S3, or until when that is expected.
 * @param {any} guarantee
 */
export function safeWords(guarantee) {
  if (!guarantee.safe_at) {
    return guarantee.predicted_clear_at
      ? `not yet; at this rate by ${time(guarantee.predicted_clear_at)}`
      : "not yet; at which time is unknown";
  }
  const after =
    guarantee.safe_after_s === null
      ? ""
      : `, ${duration(guarantee.safe_after_s)} after the camera closed the last chapter`;
  return `since ${time(guarantee.safe_at)}${after}`;
}
