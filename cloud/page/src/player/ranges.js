/** Pieces of a stored file, by ranged GETs of its address. */
import { Problem } from "../api.js";

/**
 * A reader of one file. A refused address is renewed once for each piece. Raises Problem.
 * @param {import("./address.js").Address} address
 * @param {typeof fetch} [send]
 * @returns {import("./boxes.js").Read}
 */
export function rangeReader(address, send = (...given) => fetch(...given)) {
  return async (at, count) => {
    let response = await ranged(send, await address.url(), at, count);
    if (response.status === 403) response = await ranged(send, await address.renew(), at, count);
    if (response.status !== 206) {
      throw storageProblem(`The storage answered ${response.status} to a read of the film.`);
    }
    const range = /^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "");
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((range && Number(range[1]) !== at) || bytes.length > count) {
      throw storageProblem(
        "The storage answered with another piece of the film than was asked for.",
      );
    }
    return bytes;
  };
}

/**
 * @param {typeof fetch} send
 * @param {string} url
 * @param {number} at
 * @param {number} count
 */
async function ranged(send, url, at, count) {
  try {
    return await send(url, {
      headers: { Range: `bytes=${at}-${at + count - 1}` },
      credentials: "omit",
      cache: "no-store",
    });
  } catch {
    throw storageProblem(
      "The storage does not answer. Check the network; where it works, the bucket does not allow this page's address.",
    );
  }
}

/** @param {string} detail */
function storageProblem(detail) {
  return new Problem({ title: "The film cannot be read", detail, status: 0, action: "retry" });
}
