/**
 * CRC64NVME, as S3 computes it: of bytes, and of a whole from those of its parts.
 *
 * Eight tables take eight bytes a step; each value is two halves of 32 bits, as numbers of 64 bits would be slow.
 * Source: the polynomial 0xad93d23594c93659 of the NVM Express specification, reflected.
 */

const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
const ALL = 0xffffffffffffffffn;
const LOW = 0xffffffffn;
const TABLES = 8;

/** @type {Int32Array | undefined} low and high half of each entry, table after table */
let tables;

/**
 * The CRC64NVME of `bytes`, in base64 as S3 writes it.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function crc64nvme(bytes) {
  tables ??= makeTables();
  const table = tables;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - (bytes.length % 8);
  let low = -1;
  let high = -1;
  for (let at = 0; at < end; at += 8) {
    const a = low ^ view.getInt32(at, true);
    const b = high ^ view.getInt32(at + 4, true);
    const i7 = 3584 + ((a & 255) << 1);
    const i6 = 3072 + (((a >>> 8) & 255) << 1);
    const i5 = 2560 + (((a >>> 16) & 255) << 1);
    const i4 = 2048 + ((a >>> 24) << 1);
    const i3 = 1536 + ((b & 255) << 1);
    const i2 = 1024 + (((b >>> 8) & 255) << 1);
    const i1 = 512 + (((b >>> 16) & 255) << 1);
    const i0 = (b >>> 24) << 1;
    // biome-ignore format: one table a line
    low = /** @type {number} */ (table[i7]) ^ /** @type {number} */ (table[i6])
      ^ /** @type {number} */ (table[i5]) ^ /** @type {number} */ (table[i4])
      ^ /** @type {number} */ (table[i3]) ^ /** @type {number} */ (table[i2])
      ^ /** @type {number} */ (table[i1]) ^ /** @type {number} */ (table[i0]);
    // biome-ignore format: one table a line
    high = /** @type {number} */ (table[i7 + 1]) ^ /** @type {number} */ (table[i6 + 1])
      ^ /** @type {number} */ (table[i5 + 1]) ^ /** @type {number} */ (table[i4 + 1])
      ^ /** @type {number} */ (table[i3 + 1]) ^ /** @type {number} */ (table[i2 + 1])
      ^ /** @type {number} */ (table[i1 + 1]) ^ /** @type {number} */ (table[i0 + 1]);
  }
  for (let at = end; at < bytes.length; at += 1) {
    const entry = ((low ^ /** @type {number} */ (bytes[at])) & 255) << 1;
    low = ((low >>> 8) | (high << 24)) ^ /** @type {number} */ (table[entry]);
    high = (high >>> 8) ^ /** @type {number} */ (table[entry + 1]);
  }
  return written((BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0));
}

/**
 * The CRC64NVME of a whole whose parts, in order, have these checksums and sizes; null for no parts.
 * @param {ReadonlyArray<{crc64nvme: string, sizeBytes: number}>} parts
 * @returns {string | null}
 */
export function fold(parts) {
  /** @type {Map<number, bigint>} */
  const shifts = new Map();
  let whole = /** @type {bigint | null} */ (null);
  for (const part of parts) {
    const shift = shifts.get(part.sizeBytes) ?? shiftOf(part.sizeBytes);
    shifts.set(part.sizeBytes, shift);
    const value = read(part.crc64nvme);
    whole = whole === null ? value : times(shift, whole) ^ value;
  }
  return whole === null ? null : written(whole);
}

/** The entries of one table, each the remainder of a byte that `TABLES - 1 - number` more bytes follow. */
function makeTables() {
  const made = new Int32Array(TABLES * 512);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1)
      value = value & 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
    put(made, byte, value);
  }
  for (let place = 256; place < TABLES * 256; place += 1) {
    const before = at(made, place - 256);
    put(made, place, at(made, Number(before & 255n)) ^ (before >> 8n));
  }
  return made;
}

/** @param {Int32Array} made @param {number} place @param {bigint} value */
function put(made, place, value) {
  made[2 * place] = Number(value & LOW) | 0;
  made[2 * place + 1] = Number(value >> 32n) | 0;
}

/** @param {Int32Array} made @param {number} place */
function at(made, place) {
  const low = BigInt(/** @type {number} */ (made[2 * place]) >>> 0);
  return (BigInt(/** @type {number} */ (made[2 * place + 1]) >>> 0) << 32n) | low;
}

/**
 * x to the power of so many bytes' bits, modulo the polynomial; bit 63 is x to the power of 0.
 * @param {number} sizeBytes
 */
function shiftOf(sizeBytes) {
  let power = 1n << 55n; // x^8
  let result = 1n << 63n; // x^0
  for (let left = sizeBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2) result = times(power, result);
    power = times(power, power);
  }
  return result;
}

/** The product of two polynomials, modulo the polynomial. @param {bigint} a @param {bigint} b */
function times(a, b) {
  let product = 0n;
  let factor = b;
  for (let mask = 1n << 63n; mask; mask >>= 1n) {
    if (a & mask) product ^= factor;
    factor = factor & 1n ? (factor >> 1n) ^ POLYNOMIAL : factor >> 1n;
  }
  return product & ALL;
}

/** @param {bigint} value */
function written(value) {
  const bytes = Array.from({ length: 8 }, (_, place) =>
    Number((value >> BigInt(56 - 8 * place)) & 255n),
  );
  return btoa(String.fromCharCode(...bytes));
}

/** @param {string} text */
function read(text) {
  return [...atob(text)].reduce((value, char) => (value << 8n) | BigInt(char.charCodeAt(0)), 0n);
}
