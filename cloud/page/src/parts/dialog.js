/** Dialogs: the browser's own element, which keeps the focus inside and closes with Escape. */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { ProblemNote } from "./problem.js";

/**
 * @param {object} given
 * @param {string} given.title
 * @param {() => void} given.close
 * @param {any} given.children
 */
export function Dialog({ title, close, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby=${heading} onCancel=${close}>
    <h2 id=${heading}>${title}</h2>
    ${children}
  </dialog>`;
}

/**
 * Ask before a change. The person types `word`; only then the change is sent.
 * @param {object} given
 * @param {string} given.title
 * @param {string} given.word what is typed, as a rule the session's name
 * @param {string} given.button what the change is called, such as "Hold the session"
 * @param {() => Promise<void>} given.act raises Problem
 * @param {() => void} given.close
 * @param {any} [given.children] what the change does, in a sentence, and more fields
 */
export function ConfirmDialog({ title, word, button, act, close, children }) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  /** @param {SubmitEvent} event */
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await act();
      close();
    } catch (error) {
      setProblem(/** @type {import("../api.js").Problem} */ (error));
    } finally {
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${send}>
      ${children}
      <label>
        Type <code>${word}</code> to confirm
        <input
          autocomplete="off"
          spellcheck=${false}
          value=${typed}
          onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
        />
      </label>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="buttons">
        <button type="button" class="plain" onClick=${close}>Cancel</button>
        <button type="submit" disabled=${busy || typed !== word}>${button}</button>
      </div>
    </form>
  <//>`;
}
