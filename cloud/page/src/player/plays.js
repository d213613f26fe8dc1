/** Whether this browser plays a file, by the codecs that the file's boxes name. */

/**
 * What a browser is asked, so that a test can answer for it.
 * @typedef {object} Browser
 * @property {(type: string) => string} canPlayType as a video element answers it
 * @property {((type: string) => boolean) | null} isTypeSupported as MediaSource answers it; null without one
 */

/** @returns {Browser} */
export function thisBrowser() {
  const element = document.createElement("video");
  const source = window.MediaSource;
  return {
    canPlayType: (type) => element.canPlayType(type),
    isTypeSupported: source ? (type) => source.isTypeSupported(type) : null,
  };
}

/**
 * Why a browser cannot play a film, as a sentence without what helps; null where it can.
 * @param {Browser} browser
 * @param {import("./boxes.js").Header} header
 * @returns {string | null}
 */
export function whyItDoesNotPlay(browser, header) {
  if (!header.video) return "The file has no pictures.";
  // The sound is left out: a browser that knows only the pictures still shows them.
  const type = `video/mp4; codecs="${header.video}"`;
  const isPlayed = browser.isTypeSupported
    ? browser.isTypeSupported(type) || browser.canPlayType(type) === "probably"
    : browser.canPlayType(type) !== "";
  return isPlayed ? null : `This browser cannot play ${codecName(header.video)} (${header.video}).`;
}

/**
 * What people call a codec.
 * @param {string} codec such as `hvc1.1.6.L153.B0`
 */
export function codecName(codec) {
  return NAMES.get(codec.slice(0, 4)) ?? codec.split(".")[0] ?? codec;
}

/** @type {ReadonlyMap<string, string>} */
const NAMES = new Map([
  ["avc1", "H.264"],
  ["avc3", "H.264"],
  ["hvc1", "HEVC"],
  ["hev1", "HEVC"],
  ["av01", "AV1"],
  ["vp09", "VP9"],
  ["mp4v", "MPEG-4 Visual"],
]);
