/** Built files that a view fetches only when it needs them. */

/**
 * The address of a built file, by the name that `build.js` gives it.
 * @param {string} name
 * @returns {string}
 */
export function asset(name) {
  const found = document.querySelector(`meta[name="asset"][data-name="${name}"]`);
  const path = found?.getAttribute("content");
  if (!path) throw new Error(`the page was built without ${name}`);
  return new URL(path, document.baseURI).href;
}

/**
 * Load a style sheet once; resolves when it applies.
 * @param {string} name
 * @returns {Promise<void>}
 */
export function loadStyle(name) {
  const href = asset(name);
  if (document.querySelector(`link[rel="stylesheet"][href="${href}"]`)) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  return new Promise((resolve, reject) => {
    link.addEventListener("load", () => resolve(), { once: true });
    link.addEventListener("error", () => reject(new Error(`${name} could not be loaded`)), {
      once: true,
    });
    document.head.append(link);
  });
}
