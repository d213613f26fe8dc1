/** What the receipts of a session say, line by line: the receipt page shows these and adds nothing. */

/**
 * @typedef {object} ReceiptLine
 * @property {string} chapter directory and filename
 * @property {any} receipt null for a chapter that has none
 * @property {string | null} xxh128 of a second read with the same bytes; null where there was none
 * @property {string | null} level how surely it is known
 * @property {boolean} agrees false where two reads differ
 */

/**
 * @param {any} session
 * @returns {ReceiptLine[]}
 */
export function receiptLines(session) {
  return session.chapters.map((/** @type {any} */ chapter) => {
    const { evidence, receipt } = chapter;
    const twice = evidence?.read_twice;
    return {
      chapter: `${chapter.directory}/${chapter.filename}`,
      receipt,
      xxh128: twice && twice.crc64nvme === receipt?.crc64nvme ? twice.xxh128 : null,
      level: evidence?.level ?? null,
      agrees: evidence?.agrees ?? true,
    };
  });
}

/**
 * A time in UTC, in the same form for each reader.
 * @param {string | null | undefined} text RFC 3339
 */
export function utc(text) {
  return text ? `${new Date(text).toISOString().slice(0, 19).replace("T", " ")} UTC` : "–";
}
