/** The devices as they were heard last, in words that never say more than is known. */
import { ago, bytes, duration, rate } from "../format.js";

/**
 * Whether a device hauls, is silent, rests, or was never heard.
 * @param {any} device
 * @returns {{label: string, kind: "good" | "bad" | ""}}
 */
export function deviceState(device) {
  if (device.silent) return { label: "silent", kind: "bad" };
  if (device.hauling) return { label: "hauling", kind: "good" };
  return { label: device.heard_at ? "at rest" : "never heard", kind: "" };
}

/**
 * What is still to come of the session that a device brings, and how much of that is on the device already.
 * @param {any} device
 */
export function backlog(device) {
  const waiting = device.waiting_bytes;
  if (waiting === null) return "unknown";
  if (waiting === 0) return "nothing";
  if (device.spool_bytes === null) return bytes(waiting);
  const onDevice = Math.min(waiting, device.spool_bytes);
  return `${bytes(waiting)}: ${bytes(onDevice)} on the device, ${bytes(waiting - onDevice)} on the card or in S3`;
}

/**
 * When all that waits is up at the last known rate, as a time from now.
 * @param {any} device
 * @param {number} [nowMs]
 */
export function clearIn(device, nowMs = Date.now()) {
  if (!device.hauling) return device.waiting_bytes === 0 ? "clear" : "unknown";
  if (device.silent || !device.predicted_clear_at) return "unknown";
  const seconds = (new Date(device.predicted_clear_at).getTime() - nowMs) / 1000;
  if (seconds < 60) return "in less than a minute";
  return seconds < 3600 ? `in ${Math.round(seconds / 60)} min` : `in ${duration(seconds)}`;
}

/**
 * Both rates; those of a device that does not haul, or was not heard lately, say nothing of now.
 * @param {any} device
 */
export function rates(device) {
  if (!device.hauling || device.silent) return { down: "–", up: "–" };
  return { down: rate(device.rate_down_bytes_s), up: rate(device.rate_up_bytes_s) };
}

/** @param {any} device @param {number} [nowMs] */
export function heard(device, nowMs = Date.now()) {
  return device.heard_at ? ago(device.heard_at, nowMs) : "never";
}

/** @param {any} camera */
export function cameraName(camera) {
  return camera ? [camera.model, camera.serial].filter(Boolean).join(", ") : "unknown";
}
