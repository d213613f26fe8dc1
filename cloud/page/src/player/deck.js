/** One video element, with the chapter that it holds. A player has two: one is seen while the other makes ready. */

/**
 * What the player uses of a video element, so that a test can play one.
 * @typedef {Pick<HTMLVideoElement, "src" | "currentTime" | "duration" | "paused" | "ended" | "seeking" | "readyState" |
 *   "playbackRate" | "volume" | "muted" | "preload" | "error" | "buffered" | "play" | "pause" |
 *   "load" | "removeAttribute" | "addEventListener" | "removeEventListener"> & {requestVideoFrameCallback?:
 *   (callback: (now: number, frame: {mediaTime: number}) => void) => number}} Media
 */

export const HAS_FRAME = 2;
export const HAS_MORE = 3;
const EVENTS = ["loadedmetadata", "loadeddata", "canplay", "seeked"];

/** @type {import("./address.js").Life} */
const UNBOUND = { stale_s: Number.POSITIVE_INFINITY, dies_s: Number.POSITIVE_INFINITY };

/** See above. */
export class Deck {
  /** @param {Media} element */
  constructor(element) {
    this.element = element;
    /** @type {number | null} */
    this.chapter = null;
    this.life = UNBOUND;
    this._at_s = 0;
    this._isPlaced = false;
    /** @type {(() => void) | null} */
    this._whenReady = null;
    this._check = () => this._lookWhetherReady();
    for (const name of EVENTS) element.addEventListener(name, this._check);
  }

  /**
   * Hold a chapter; `whenReady` is called once the frame of `at_s` is there.
   * @param {number} chapter
   * @param {string} url
   * @param {import("./address.js").Life} life of the address
   * @param {number} at_s
   * @param {() => void} whenReady
   */
  open(chapter, url, life, at_s, whenReady) {
    this.chapter = chapter;
    this.life = life;
    this._at_s = at_s;
    this._isPlaced = false;
    this._whenReady = whenReady;
    this.element.preload = "auto";
    this.element.src = url;
    this.element.load();
  }

  /**
   * Go to another frame of the chapter that is held.
   * @param {number} at_s
   * @param {() => void} whenReady
   */
  go(at_s, whenReady) {
    this._at_s = at_s;
    this._isPlaced = false;
    this._whenReady = whenReady;
    this._lookWhetherReady();
  }

  get isReady() {
    return this.chapter !== null && this._whenReady === null;
  }

  /** Hold nothing: the network is free. */
  clear() {
    if (this.chapter === null) return;
    this.chapter = null;
    this._whenReady = null;
    this.life = UNBOUND;
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
  }

  end() {
    this.clear();
    for (const name of EVENTS) this.element.removeEventListener(name, this._check);
  }

  _lookWhetherReady() {
    const { element } = this;
    if (!this._whenReady || element.readyState < 1) return;
    if (!this._isPlaced) {
      this._isPlaced = true;
      const last_s = Number.isFinite(element.duration) ? element.duration : this._at_s;
      const at_s = Math.min(this._at_s, last_s);
      if (Math.abs(element.currentTime - at_s) > 1e-4) element.currentTime = at_s;
    }
    if (element.seeking || element.readyState < HAS_FRAME) return;
    const tell = this._whenReady;
    this._whenReady = null;
    tell();
  }
}
