/** What an operator can do with a session. Each dialog says beforehand what it will do, and asks for the name. */
import { call, Problem } from "../api.js";
import { html, useMemo, useState } from "../html.js";
import { ConfirmDialog } from "../parts/dialog.js";

/** @typedef {{session: any, send: Send, close: () => void}} Given */
/** @typedef {(step: string, body: unknown, headers?: Record<string, string>) => Promise<void>} Send */

/** @type {Readonly<Record<string, (given: Given) => any>>} */
const DIALOGS = { hold: Hold, release: Release, restore: Restore, order: OrderAgain, fail: Fail };

/**
 * @param {object} given
 * @param {any} given.session
 * @param {any[]} given.artifacts
 * @param {(session: any) => void} given.show takes the session as it is after the action
 * @param {any} given.children further buttons
 */
export function Actions({ session, artifacts, show, children }) {
  const [open, setOpen] = useState(/** @type {string | null} */ (null));
  const Opened = open ? DIALOGS[open] : null;
  /** @type {Send} */
  const send = async (step, body, headers) => {
    const path = `v1/sessions/${encodeURIComponent(session.session_id)}/${step}`;
    show((await call("POST", path, { body, headers })).document);
  };
  const close = () => setOpen(null);
  return html`<div class="buttons actions">
    ${possible(session, artifacts).map(
      ([name, label]) =>
        html`<button key=${name} type="button" class="plain" onClick=${() => setOpen(name)}>${label}</button>`,
    )}
    ${children}
    ${Opened && html`<${Opened} session=${session} send=${send} close=${close} />`}
  </div>`;
}

/**
 * What can be done with the session as it is.
 * @param {any} session
 * @param {any[]} artifacts
 * @returns {(readonly [string, string])[]}
 */
export function possible(session, artifacts) {
  const { state } = session;
  const isCleaned = state === "CLEANED" || artifacts.some((each) => each.cleaned);
  const isOver = state === "FAILED" || state === "PROCESSED" || state === "CLEANED";
  return [
    ...(session.held ? [/** @type {const} */ (["release", "Release …"])] : []),
    /** @type {const} */ (["hold", session.held ? "Hold for another reason …" : "Hold …"]),
    ...(isCleaned ? [/** @type {const} */ (["restore", "Restore …"])] : []),
    ...(isCleaned
      ? []
      : [/** @type {const} */ (["order", session.order ? "Order again …" : "Order …"])]),
    ...(isOver ? [] : [/** @type {const} */ (["fail", "Fail …"])]),
  ];
}

/** @param {{label: string, value: string, setValue: (text: string) => void, required?: boolean, rows?: number}} given */
function Text({ label, value, setValue, required = true, rows = 2 }) {
  return html`<label>
    ${label}
    <textarea required=${required} rows=${rows} value=${value} onInput=${(/** @type {any} */ event) => setValue(event.currentTarget.value)}></textarea>
  </label>`;
}

/** @param {Given} given */
function Hold({ session, send, close }) {
  const [reason, setReason] = useState("");
  return html`<${ConfirmDialog}
    title="Hold the session"
    word=${session.session_id}
    button="Hold the session"
    act=${() => send("hold", { held: true, reason })}
    close=${close}
  >
    <p>The session is not sent to processing, and nothing of it is cleaned, until an operator releases it. A cleanup that is under way stops at once.</p>
    <${Text} label="Why" value=${reason} setValue=${setReason} />
  <//>`;
}

/** @param {Given} given */
function Release({ session, send, close }) {
  return html`<${ConfirmDialog}
    title="Release the session"
    word=${session.session_id}
    button="Release the session"
    act=${() => send("hold", { held: false })}
    close=${close}
  >
    <p>It is held: ${session.held}</p>
    <p>An order that has waited goes out. The grace of a processed session starts again; after it the originals may be cleaned.</p>
  <//>`;
}

/** @param {Given} given */
function Restore({ session, send, close }) {
  const [reason, setReason] = useState("");
  return html`<${ConfirmDialog}
    title="Restore what was cleaned"
    word=${session.session_id}
    button="Restore the session"
    act=${() => send("restore", { reason })}
    close=${close}
  >
    <p>S3 copies all that was cleaned back onto its keys; the reconciler does so step by step. The session is held until an operator releases it. A cleanup that is under way is called off.</p>
    <p>What S3 has purged already cannot come back; the session says so then.</p>
    <${Text} label="Why" value=${reason} setValue=${setReason} />
  <//>`;
}

/** @param {Given} given */
function OrderAgain({ session, send, close }) {
  const { order } = session;
  const [required, setRequired] = useState(order ? order.required.join("\n") : "");
  const [parameters, setParameters] = useState(JSON.stringify(order?.parameters ?? {}, null, 2));
  const [below, setBelow] = useState("");
  // One key for this dialog: a second press after a lost answer places no second order.
  const key = useMemo(() => window.crypto.randomUUID(), []);
  const act = () =>
    send("order", orderBody(required, parameters, below), { "Idempotency-Key": key });
  return html`<${ConfirmDialog}
    title=${order ? "Order again" : "Order"}
    word=${session.session_id}
    button="Place the order"
    act=${act}
    close=${close}
  >
    <p>The next order takes the place of the present one, and goes to the processor once every chapter has its receipt and nobody holds the session. What was made for an earlier order stays where it is. The originals wait for all that the new order requires.</p>
    <${Text} label="Required, one artifact a line, such as output.enhanced.mp4" value=${required} setValue=${setRequired} rows=${4} />
    <${Text} label="Parameters for the processor, as JSON" value=${parameters} setValue=${setParameters} rows=${6} />
    <${Text} label="Why it requires less than the deployment, if it does" value=${below} setValue=${setBelow} required=${false} />
  <//>`;
}

/**
 * The order that the dialog's texts ask for. Raises Problem for parameters that are no JSON object.
 * @param {string} required
 * @param {string} parameters
 * @param {string} below
 */
export function orderBody(required, parameters, below) {
  const names = required.split(/\s+/).filter((name) => name);
  const reason = below.trim() ? { below_minimum_reason: below.trim() } : {};
  return { required: names, parameters: parsedParameters(parameters), ...reason };
}

/** @param {string} text */
function parsedParameters(text) {
  let parsed = null;
  try {
    parsed = JSON.parse(text.trim() || "{}");
  } catch {
    // Told below, as for any other text that is no object.
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new Problem({
      title: "Nothing was sent",
      detail:
        'The parameters are no JSON object. Write them like {"speed_kmh": 7.5}, or {} for none.',
      status: 0,
    });
  }
  return parsed;
}

/** @param {Given} given */
function Fail({ session, send, close }) {
  const [reason, setReason] = useState("");
  const number = session.order ? { order: session.order.number } : {};
  return html`<${ConfirmDialog}
    title="Fail the session"
    word=${session.session_id}
    button="Fail the session"
    act=${() => send("failure", { reason, ...number })}
    close=${close}
  >
    <p>The session is FAILED, and nothing of it is processed or cleaned, until it is ordered again. Its chapters stay, and a device may still bring those that are missing.</p>
    <${Text} label="Why" value=${reason} setValue=${setReason} />
  <//>`;
}
