/** The time of a film over all its chapters: what the player tells, and what plots, marks and other cameras follow. */

/**
 * @typedef {object} FilmClock
 * @property {number} time_s when the shown frame begins, over all chapters in order from 0, as the `time_s` of frames
 * @property {boolean} playing whether the picture moves, or will once the network delivers
 * @property {number} rate how many seconds of film pass in a second
 * @property {number} duration_s of all chapters; 0 until it is known
 * @property {(listener: (clock: FilmClock) => void) => () => void} subscribe calls `listener` after each change; the
 *   answer ends it
 * @property {(time_s: number) => void} seek shows the frame of that time; a time outside the film is its nearest end
 */

/**
 * A clock that moves only when it is told: by the player, or by the hand of a test.
 * @implements {FilmClock}
 */
export class Clock {
  /**
   * @param {object} [given]
   * @param {number} [given.duration_s]
   * @param {((time_s: number) => void) | null} [given.seek] as for `steer`
   */
  constructor({ duration_s = 0, seek = null } = {}) {
    this.time_s = 0;
    this.playing = false;
    this.rate = 1;
    this.duration_s = duration_s;
    this._seek = seek;
    /** @type {Set<(clock: FilmClock) => void>} */
    this._listeners = new Set();
  }

  /** @param {(clock: FilmClock) => void} listener */
  subscribe(listener) {
    this._listeners.add(listener);
    return () => {
      this._listeners.delete(listener);
    };
  }

  /**
   * What a seek moves from now on.
   * @param {((time_s: number) => void) | null} seek moves the film, which tells the clock; with null the clock moves
   *   itself
   */
  steer(seek) {
    this._seek = seek;
  }

  /** @param {number} time_s */
  seek(time_s) {
    if (!Number.isFinite(time_s)) return;
    const within_s = Math.min(Math.max(time_s, 0), this.duration_s);
    if (this._seek) this._seek(within_s);
    else this.tell({ time_s: within_s });
  }

  /**
   * Note what is so now; listeners hear of it where it differs from before.
   * @param {Partial<Pick<FilmClock, "time_s" | "playing" | "rate" | "duration_s">>} now
   */
  tell(now) {
    const before = [this.time_s, this.playing, this.rate, this.duration_s];
    Object.assign(this, now);
    const after = [this.time_s, this.playing, this.rate, this.duration_s];
    if (after.every((value, place) => value === before[place])) return;
    for (const listener of [...this._listeners]) listener(this);
  }
}
