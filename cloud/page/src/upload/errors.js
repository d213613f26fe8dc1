/** What can go wrong with an upload in the browser, in words for the person who waits. */

/** An upload that ends here; only the person can do something. */
export class UploadStopped extends Error {}

/** The file cannot be read any more. */
export class Unreadable extends UploadStopped {
  constructor() {
    super("The file cannot be read any more: it was moved, changed or unplugged. Choose it again.");
  }
}

/** The bytes are not those with which the upload began. */
export class AnotherFile extends UploadStopped {
  /** @param {string} name */
  constructor(name) {
    super(
      `This ${name} is not the file whose upload began: its bytes differ. Choose that file; or give this one ` +
        "another name, and take the other one out of the session.",
    );
  }
}

/** The transfer was paused or cancelled. */
export class Interrupted extends Error {}

/** A PUT brought nothing: no answer, no progress, or a status that is no success. */
export class PutFailed extends Error {
  /**
   * @param {number} status 0 where no answer came
   * @param {object} [told]
   * @param {string} [told.code] S3's own word
   * @param {number | null} [told.retryAfterS]
   */
  constructor(status, told = {}) {
    super(
      status
        ? `the storage answered ${status} ${told.code ?? ""}`.trim()
        : "the storage did not answer",
    );
    this.status = status;
    this.code = told.code ?? "";
    this.retryAfterS = told.retryAfterS ?? null;
  }
}
