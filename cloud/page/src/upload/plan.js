/** How a film is cut: the coordinator's plan, as pieces of the file. */

/**
 * @typedef {object} Plan
 * @property {number} size_bytes
 * @property {number} part_size_bytes
 * @property {number} part_count
 */

/**
 * Where part `number` lies in the file: its first byte and its size.
 * @param {Plan} plan
 * @param {number} number from 1
 */
export function spanOf(plan, number) {
  const first = (number - 1) * plan.part_size_bytes;
  return { first, sizeBytes: Math.min(plan.part_size_bytes, plan.size_bytes - first) };
}

/** @param {Plan} plan */
export function numbersOf(plan) {
  return Array.from({ length: plan.part_count }, (_, place) => place + 1);
}
