/** Which plots and which lights are shown. */
import { html } from "../html.js";

/**
 * @typedef {object} Chosen
 * @property {string[]} plots ids of those that are shown
 * @property {string[]} hidden labels of lights that are not
 */

/**
 * @param {object} given
 * @param {import("./plots.js").Plot[]} given.plots
 * @param {Chosen} given.choice
 * @param {(choice: Chosen) => void} given.choose
 */
export function Choice({ plots, choice, choose }) {
  const lights = [
    ...new Set(plots.filter((plot) => plot.lines.length > 1).flatMap(labelsOf)),
  ].sort();
  return html`<details class="choice">
    <summary>Choose plots</summary>
    <fieldset>
      <legend>Plots</legend>
      ${plots.map(
        (plot) => html`<${Box}
          key=${plot.id}
          label=${plot.title}
          checked=${choice.plots.includes(plot.id)}
          change=${() => choose({ ...choice, plots: toggled(choice.plots, plot.id) })}
        />`,
      )}
    </fieldset>
    ${
      lights.length > 1 &&
      html`<fieldset>
        <legend>Lights</legend>
        ${lights.map(
          (label) => html`<${Box}
            key=${label}
            label=${label}
            checked=${!choice.hidden.includes(label)}
            change=${() => choose({ ...choice, hidden: toggled(choice.hidden, label) })}
          />`,
        )}
      </fieldset>`
    }
  </details>`;
}

/** @param {{label: string, checked: boolean, change: () => void}} given */
function Box({ label, checked, change }) {
  return html`<label class="box"><input type="checkbox" checked=${checked} onChange=${change} /> ${label}</label>`;
}

/** @param {import("./plots.js").Plot} plot */
function labelsOf(plot) {
  return plot.lines.map((line) => line.label);
}

/** @param {string[]} values @param {string} value */
function toggled(values, value) {
  return values.includes(value) ? values.filter((each) => each !== value) : [...values, value];
}
