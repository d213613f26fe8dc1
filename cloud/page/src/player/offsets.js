/** How far a person moved each camera of a group; kept while the tab is open. */

/** @typedef {Record<string, number>} Offsets seconds by session; a later beginning is positive */

/**
 * @param {string} group
 * @param {Pick<Storage, "getItem">} [storage]
 * @returns {Offsets}
 */
export function readOffsets(group, storage = window.sessionStorage) {
  try {
    const kept = JSON.parse(storage.getItem(keyOf(group)) ?? "{}");
    const entries = Object.entries(kept).filter(([, value]) => Number.isFinite(value));
    return /** @type {Offsets} */ (Object.fromEntries(entries));
  } catch {
    return {};
  }
}

/**
 * @param {string} group
 * @param {Offsets} offsets
 */
export function keepOffsets(group, offsets) {
  window.sessionStorage.setItem(keyOf(group), JSON.stringify(offsets));
}

/** @param {string} group */
function keyOf(group) {
  return `reelhaul.offsets.${group}`;
}
