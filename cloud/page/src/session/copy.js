/** Text to copy: a command or an address. */
import { html, useState } from "../html.js";

/**
 * @param {object} given
 * @param {string} given.text
 * @param {string} given.label what it is, for screen readers
 */
export function Copy({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text).then(
      () => setDone(true),
      () => setDone(false),
    );
  };
  return html`<span class="copy">
    <code>${text}</code>
    <button type="button" class="plain small" onClick=${copy} aria-label=${`Copy ${label}`}>
      ${done ? "Copied" : "Copy"}
    </button>
  </span>`;
}
