/** The session that films are put into: asked for, opened, given more films. */
import { call, get, Problem } from "../api.js";
import { UploadStopped } from "./errors.js";
import { artifactId, DIRECTORY, inOrder, NO_CAMERA } from "./films.js";

const MOST_TRIES = 5;
/** What the coordinator takes into one session of a browser. */
export const MOST_FILMS = 90;

/** @typedef {{name: string, size: number, serial: string | null, model: string | null, created: number | null}} Announced */

/** @param {string} name */
export function pathOf(name) {
  return `v1/sessions/${encodeURIComponent(name)}`;
}

/**
 * The session on record; null where there is none yet. Raises Problem.
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function loadSession(name) {
  try {
    return await get(pathOf(name));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/**
 * Why no film can be put into this session; null where one can.
 * @param {any} session null where there is none yet
 */
export function whyClosed(session) {
  if (!session) return null;
  if (session.storage.origin !== "browser") {
    return "This session comes from a device. Films from a browser need a session of their own; choose another name, and the same group.";
  }
  if (session.state !== "OPEN") {
    return `This session is ${session.state} and takes no more films. Put more into another session of the same group.`;
  }
  return null;
}

/**
 * Have the coordinator expect these films, in order, beside those that it expects already. Raises Problem.
 * @param {string} name
 * @param {string | null} group of a new session
 * @param {readonly Announced[]} films
 */
export async function announce(name, group, films) {
  for (let tries = 1; ; tries += 1) {
    const known = await loadSession(name);
    if (known && known.storage.origin !== "browser")
      throw new UploadStopped(whyClosed(known) ?? "");
    demandOneCamera(known, films);
    try {
      return (await call("PUT", pathOf(name), { body: bodyOf(known, group, films) })).document;
    } catch (error) {
      // Another browser added a film meanwhile: look again.
      const isRace = error instanceof Problem && error.slug === "session-differs";
      if (!isRace || tries >= MOST_TRIES || sizesDiffer(known, films)) throw error;
    }
  }
}

/**
 * @param {any} known
 * @param {string | null} group
 * @param {readonly Announced[]} films
 */
function bodyOf(known, group, films) {
  /** @type {Map<string, object>} */
  const chapters = new Map();
  for (const each of known?.chapters ?? []) {
    chapters.set(each.filename, {
      directory: each.directory,
      filename: each.filename,
      size_bytes: each.size_bytes,
      created: each.created,
      unfinished: each.unfinished,
      trailing_bytes: each.trailing_bytes,
    });
  }
  for (const film of films) {
    const said = {
      directory: DIRECTORY,
      filename: film.name,
      size_bytes: film.size,
      created: film.created,
    };
    const before = chapters.get(film.name);
    chapters.set(film.name, before ? { ...before, size_bytes: film.size } : said);
  }
  const named = films.find((film) => film.serial);
  const camera = known?.camera ?? {
    serial: named?.serial ?? NO_CAMERA,
    model: named?.model ?? null,
  };
  return {
    camera,
    group: known ? known.group : group,
    chapters: inOrder([...chapters.keys()]).map((name) => chapters.get(name)),
  };
}

/** @param {any} known @param {readonly {name: string, serial: string | null}[]} films */
function demandOneCamera(known, films) {
  const serials = new Set(films.flatMap((film) => film.serial ?? []));
  const recorded = known?.camera.serial;
  if (recorded && recorded !== NO_CAMERA) serials.add(recorded);
  if (serials.size > 1) {
    throw new UploadStopped(
      `These films are of several cameras (${[...serials].sort().join(", ")}); a session has one. ` +
        "Put each camera's films into a session of their own, and give all of them the same group.",
    );
  }
}

/** @param {any} known @param {readonly {name: string, size: number}[]} films */
function sizesDiffer(known, films) {
  const sizes = new Map(
    (known?.chapters ?? []).map((/** @type {any} */ each) => [each.filename, each.size_bytes]),
  );
  return films.some((film) => sizes.has(film.name) && sizes.get(film.name) !== film.size);
}

/**
 * Take a film out of the session. Raises Problem.
 * @param {string} session
 * @param {string} film
 */
export function withdraw(session, film) {
  return call("DELETE", `${pathOf(session)}/chapters/${encodeURIComponent(artifactId(film))}`);
}
