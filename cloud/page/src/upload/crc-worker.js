/** A worker: reads the pieces of files that it is sent, and answers the CRC64NVME of each. */
import { crc64nvme } from "./crc64nvme.js";

const scope = /** @type {Worker} */ (/** @type {unknown} */ (self));

scope.onmessage = async (/** @type {MessageEvent<{id: number, piece: Blob}>} */ event) => {
  const { id, piece } = event.data;
  try {
    const bytes = new Uint8Array(await piece.arrayBuffer());
    scope.postMessage({ id, crc64nvme: crc64nvme(bytes) });
  } catch (error) {
    scope.postMessage({ id, unreadable: String(error) });
  }
};
