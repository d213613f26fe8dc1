/** What needs a person: which of what the coordinator tells, in which words, and the one thing to do about it. */
import { ago, bytes } from "../format.js";
import { address } from "../router.js";

/**
 * @typedef {object} Concern
 * @property {string} key the same for as long as it is the same concern
 * @property {"bad" | "warn"} kind
 * @property {string} subject what it is about
 * @property {string | null} href where the subject is
 * @property {{label: string, words: string}[]} reasons the gravest first, in the coordinator's words
 * @property {string} next what to do
 * @property {string | null} command what to type for it; null where the subject's own view has the way
 */

/**
 * Each kind of need: its name, whether footage is at stake, and what to do. The gravest first.
 * @type {Readonly<Record<string, {label: string, kind: "bad" | "warn", next: string}>>}
 */
export const NEEDS = {
  lost: {
    label: "Lost",
    kind: "bad",
    next: "Keep the card. The session says what can be done about each file.",
  },
  differs: {
    label: "Two reads differ",
    kind: "bad",
    next: "Keep the card and read it once more; then accept the read that is right.",
  },
  infected: {
    label: "Infected",
    kind: "bad",
    next: "Find out where the file comes from; then order the session again.",
  },
  rejected: {
    label: "Rejected again and again",
    kind: "bad",
    next: "Keep the card and look at the device: sending the file again does not help.",
  },
  failed: {
    label: "Failed",
    kind: "bad",
    next: "End the cause, then order the session again.",
  },
  quarantined: {
    label: "In quarantine",
    kind: "warn",
    next: "Mend what wrote the measurements, then order the session again.",
  },
  unscanned: {
    label: "The scan came to nothing",
    kind: "warn",
    next: "Look at the file; then accept it, or order the session again.",
  },
  unproven: {
    label: "No checksum",
    kind: "warn",
    next: "Let the coordinator use the bucket's KMS key; then it proves the object by itself.",
  },
  refused: {
    label: "S3 refuses a removal",
    kind: "warn",
    next: "Look for the lock or the policy that forbids it; the coordinator tries again each hour.",
  },
  held: {
    label: "Held",
    kind: "warn",
    next: "Release the session once the reason is gone.",
  },
};

const UNKNOWN = {
  label: "Needs a person",
  kind: /** @type {const} */ ("warn"),
  next: "Look at it.",
};

/**
 * All that needs a person, what is at stake first.
 * @param {any} overview as the coordinator answers it
 * @param {number} [nowMs]
 * @returns {Concern[]}
 */
export function concerns(overview, nowMs = Date.now()) {
  const sessions = overview.attention.sessions.map(ofSession);
  const devices = overview.devices.devices
    .filter((/** @type {any} */ each) => each.silent)
    .map((/** @type {any} */ each) => ofDevice(each, nowMs));
  const found = [...ofCoordinator(overview, nowMs), ...devices, ...sessions];
  return [
    ...found.filter((each) => each.kind === "bad"),
    ...found.filter((each) => each.kind !== "bad"),
  ];
}

/**
 * How many sessions need a person beyond those that are told.
 * @param {any} overview
 */
export function untold(overview) {
  return Math.max(0, overview.attention.count - overview.attention.sessions.length);
}

/** @param {any} session @returns {Concern} */
function ofSession(session) {
  const first = NEEDS[session.needs[0].kind] ?? UNKNOWN;
  return {
    key: `session ${session.session_id}`,
    kind: first.kind,
    subject: session.session_id,
    href: address("sessions", session.session_id),
    reasons: session.needs.map((/** @type {any} */ need) => ({
      label: (NEEDS[need.kind] ?? UNKNOWN).label,
      words: need.count > 1 ? `${need.detail} (and ${need.count - 1} more)` : need.detail,
    })),
    next: first.next,
    command: null,
  };
}

/** @param {any} device @param {number} nowMs @returns {Concern} */
function ofDevice(device, nowMs) {
  const waits = device.waiting_bytes
    ? `; ${bytes(device.waiting_bytes)} of it are still to come`
    : "";
  return {
    key: `device ${device.device_id}`,
    kind: "bad",
    subject: device.name,
    href: device.session_id ? address("sessions", device.session_id) : null,
    reasons: [
      {
        label: "Silent",
        words: `it was last heard ${ago(device.heard_at, nowMs)}, while it brought ${device.session_id}${waits}`,
      },
    ],
    next: "Keep the card. See whether the device has power and its uplink, and whether its service runs:",
    command: "systemctl status 'reelhaul@*'",
  };
}

/** @param {any} overview @param {number} nowMs @returns {Concern[]} */
function ofCoordinator(overview, nowMs) {
  const found = [];
  const last = overview.last_round;
  if (overview.reconciler === "silent") {
    found.push(
      ofService("reconciler", "bad", "Reconciler", "Stopped", {
        words: `its last round ended ${ago(last?.ended_at, nowMs)}; orders and uploads that were left behind wait`,
        next: "See what the deployment lacks:",
        command: "python -m infra.admin doctor --stage STAGE",
      }),
    );
  } else if (overview.reconciler === "late") {
    found.push(
      ofService("reconciler", "warn", "Reconciler", "Late", {
        words: "its last round left sessions out that were due; they wait for the next one",
        next: "If this lasts, settle them from your machine:",
        command: "reelhaul-admin ensure --stage STAGE",
      }),
    );
  }
  if (overview.dead_letters) {
    const count = overview.dead_letters;
    found.push(
      ofService(
        "dead letters",
        "bad",
        "Dead letters",
        count === 1 ? "1 message" : `${count} messages`,
        {
          words: "an event, a round or an order failed for good; a message is kept for 14 days",
          next: "End the cause; this does what events and rounds would have done. Order a session again whose order died.",
          command: "reelhaul-admin ensure --stage STAGE",
        },
      ),
    );
  }
  return found;
}

/**
 * @param {string} key
 * @param {"bad" | "warn"} kind
 * @param {string} subject
 * @param {string} label
 * @param {{words: string, next: string, command: string}} told
 * @returns {Concern}
 */
function ofService(key, kind, subject, label, { words, next, command }) {
  return { key, kind, subject, href: null, reasons: [{ label, words }], next, command };
}
