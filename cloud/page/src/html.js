/** What every view is written with: preact, its hooks, and `html` in place of JSX. */
import htm from "htm";
import { h } from "preact";

export { Fragment, render } from "preact";
export { useCallback, useEffect, useId, useMemo, useRef, useState } from "preact/hooks";

/** Markup in a template literal. Values become text or properties, never HTML. */
export const html = htm.bind(h);
