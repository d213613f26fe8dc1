/** Which of a session's films is watched: chosen by what there is and what this browser plays, or by a person. */
import { get, Problem } from "../api.js";
import { useEffect, useMemo, useState } from "../html.js";
import { Library } from "./library.js";
import { thisBrowser } from "./plays.js";
import { TIMERS } from "./timers.js";
import { waysOf } from "./ways.js";

/**
 * @typedef {object} Choice
 * @property {Library} library
 * @property {import("./ways.js").Way[] | null} ways all that there are; null while they are asked for
 * @property {import("./ways.js").Way | null} way the one that is watched; null while none is, or none can be
 * @property {ReadonlyMap<string, string>} refused why this browser does not play a way, by its key
 * @property {boolean} isOver whether it is decided
 * @property {Problem | null} problem
 * @property {boolean} hasMore whether more of the film came meanwhile
 * @property {(key: string) => void} choose
 * @property {() => void} renew look again: after a problem, or to take what came meanwhile
 */

/**
 * @param {any} session as the API answers it; null before it does
 * @returns {Choice}
 */
export function useChoice(session) {
  const path = session ? `v1/sessions/${encodeURIComponent(session.session_id)}/artifacts` : "";
  const library = useMemo(() => {
    const ask = (/** @type {string} */ id) => get(`${path}/${encodeURIComponent(id)}/url`);
    return new Library({ ask, browser: thisBrowser(), now: TIMERS.now });
  }, [path]);
  const [found, setFound] = useState(/** @type {import("./ways.js").Way[] | null} */ (null));
  const [ways, setWays] = useState(/** @type {import("./ways.js").Way[] | null} */ (null));
  const [wanted, setWanted] = useState(/** @type {string | null} */ (null));
  const [decided, setDecided] = useState(UNDECIDED);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    if (!session) return;
    return whileShown(async (isShown) => {
      const { artifacts } = await get(path);
      if (!isShown()) return;
      setProblem(null);
      setFound(waysOf(session, artifacts));
    }, setProblem);
  }, [path, session?.version, turn]);

  // What is watched does not change under a person's eyes: news waits until it is asked for.
  useEffect(() => {
    if (found && (!ways || !decided.way)) setWays((held) => (isSame(held, found) ? held : found));
  }, [found, decided]);

  useEffect(() => {
    if (!ways) return;
    return whileShown(async (isShown) => {
      const now = await decide(library, ways, wanted);
      if (isShown()) setDecided(now);
    }, setProblem);
  }, [library, ways, wanted, turn]);

  return {
    library,
    ways,
    ...decided,
    problem,
    hasMore: decided.way !== null && !isSame(ways, found),
    choose: setWanted,
    renew: () => {
      setProblem(null);
      if (found) setWays(found);
      setTurn((before) => before + 1);
    },
  };
}

/** @type {Pick<Choice, "way" | "refused" | "isOver">} */
const UNDECIDED = { way: null, refused: new Map(), isOver: false };

/**
 * @param {Library} library
 * @param {import("./ways.js").Way[]} ways
 * @param {string | null} wanted
 */
async function decide(library, ways, wanted) {
  const way = ways.find(({ key }) => key === wanted);
  if (!way) return { ...(await library.choose(ways)), isOver: true };
  const why = await library.whyNot(way);
  if (why === null) return { way, refused: new Map(), isOver: true };
  return { way: null, refused: new Map([[way.key, why]]), isOver: true };
}

/**
 * @param {(isShown: () => boolean) => Promise<void>} act
 * @param {(problem: Problem) => void} setProblem
 */
function whileShown(act, setProblem) {
  let shown = true;
  act(() => shown).catch((error) => {
    if (!(error instanceof Problem)) throw error;
    if (shown) setProblem(error);
  });
  return () => {
    shown = false;
  };
}

/**
 * @param {unknown} one
 * @param {unknown} other
 */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
