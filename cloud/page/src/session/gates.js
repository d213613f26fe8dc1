/** The gates of cleanup: what each asks, and what it still waits for. */
import { html } from "../html.js";
import { Copy } from "./copy.js";
import { gateWords } from "./words.js";

/**
 * @param {object} given
 * @param {any} given.session
 * @param {boolean} given.mayAct whether to show the commands that open a gate
 */
export function Gates({ session, mayAct }) {
  const { gates } = session;
  if (!gates) return null;
  return html`<section class="card" aria-labelledby="gates">
    <h2 id="gates">Gates of cleanup</h2>
    <p>${summary(session)}</p>
    ${session.cleanup_refused && html`<p class="notice bad">S3 refuses to remove an object: ${session.cleanup_refused}</p>`}
    <ul class="gates">
      ${gates.closed.map(
        (/** @type {any} */ each) => html`<li key=${each.gate} class="closed">
          <span class="mark">closed</span>
          <div>
            ${gateWords(each.gate)} <code class="quiet">${each.gate}</code>
            <p class="waits">${each.waits_for}</p>
            ${mayAct && html`<${Opening} gate=${each.gate} session=${session} />`}
          </div>
        </li>`,
      )}
    </ul>
    <details>
      <summary>${gates.open.length} open gates, and ${gates.asked_later.length} that are asked right before an original goes</summary>
      <ul class="gates">
        ${gates.open.map((/** @type {string} */ name) => html`<li key=${name} class="open"><span class="mark">open</span><div>${gateWords(name)}</div></li>`)}
        ${gates.asked_later.map((/** @type {string} */ name) => html`<li key=${name}><span class="mark">later</span><div>${gateWords(name)}</div></li>`)}
      </ul>
    </details>
  </section>`;
}

/** @param {any} session */
function summary(session) {
  const count = session.gates.closed.length;
  if (count) {
    const waits = count === 1 ? "One gate is closed" : `${count} gates are closed`;
    return `${waits}: the originals are kept. A gate that is closed keeps all of them.`;
  }
  return (
    "Nothing on record keeps the originals any longer. The reconciler looks at S3 and at the switch of cleanup, " +
    "and cleans them if each gate is open there too."
  );
}

/** What an operator can do about a gate, where only a command does it. @param {{gate: string, session: any}} given */
function Opening({ gate, session }) {
  const command = commandFor(gate, session);
  return (
    command &&
    html`<p>An operator's word opens it: <${Copy} text=${command} label=${`the command for ${gate}`} /></p>`
  );
}

/**
 * @param {string} gate
 * @param {any} session
 * @returns {string | null}
 */
export function commandFor(gate, session) {
  const named = `${session.project === "main" ? "" : `${session.project}/`}${session.session_id}`;
  if (gate === "originals-finished" && session.state === "PROCESSED") {
    return `reelhaul-admin accept --stage STAGE ${named} --reason 'WHY'`;
  }
  if (gate !== "evidence-agrees") return null;
  const differing = session.chapters.find(
    (/** @type {any} */ each) => each.evidence?.agrees === false,
  );
  const chapter = differing?.artifact_id ?? "ARTIFACT";
  return `reelhaul-admin accept --stage STAGE ${named} --evidence ${chapter} --reason 'WHY'`;
}
