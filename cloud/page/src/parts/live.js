/** A call's newest answer as a view's state. */
import { useEffect, useState } from "../html.js";
import { live } from "../live.js";

/**
 * The newest answer of `path`, kept up to date while the view is shown.
 * @param {string} path
 * @returns {import("../live.js").News}
 */
export function useLive(path) {
  const [news, setNews] = useState(
    /** @type {import("../live.js").News} */ ({ document: null, problem: null }),
  );
  useEffect(() => {
    setNews({ document: null, problem: null });
    return live(path, setNews);
  }, [path]);
  return news;
}
