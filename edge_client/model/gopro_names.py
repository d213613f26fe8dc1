"""Pure: what a camera's file name says. A file with another name does not belong to any recording.

| written by | names | recording | chapters |
|---|---|---|---|
| HERO6 and later | `GX010042.MP4`, `GX020042.MP4`; H, M, G for X | GX 0042 | 1, 2 |
| 360 degree videos | `GS010042.360` | GS 0042 | 1 |
| a loop of theirs | `GXAA0997.MP4`, `GXAA0998.MP4`; H, M for X | GX AA | 997, 998 |
| HERO5 and earlier | `GOPR0042.MP4`, `GP010042.MP4` | GP 0042 | 1, 2 |
| Fusion, front | `GPFR0042.MP4`, `GF010042.MP4` | GF 0042 | 1, 2 |
| Fusion, back | `GPBK0042.MP4`, `GB010042.MP4` | GB 0042 | 1, 2 |
| Labs, encrypting | `SX010042.MP4`, and S for the G of any HERO6 form | SX 0042 | 1 |
| Labs, own basename | `CamA-GX010042.MP4`, and before any other form | CamA-GX 0042 | 1 |

Sources: GoPro's own table of names (its support pages, "Camera File Naming Convention"); Open GoPro, "Media": chapters
run 01-99, numbers 0001-9999; X, H, M are quality levels. GG is a live burst (KonradIT/mmt, trek-view/gopro-metadata).
That the second file of a Fusion is GF01, as it is GP01 of its contemporaries, is inferred: the table has no such row.
Labs (github.com/gopro/labs): `docs/control/basename` puts up to 28 of `a-z A-Z 0-9 + - _ ( ) , .` before the camera's
own name, and knows no form without it; `docs/control/encrypt` makes the first letter an S, on HERO9 only.
Loops of HERO5 and earlier share their row with photos there, 3D pairs (`3D_L0002.MP4`) have no chapters to tell, and
`GX010042_Proxy.MP4` is a proxy: none of them is guessed at, all are unrecognised.
The list has the size of a chapter's proxy (`glrv`), not its name: `GL010042.LRV` beside `GX010042.MP4` or
`GH010042.MP4`, as is the thumbnail, `GX010042.THM`. The names for other chapters are not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DIRECTORY = re.compile(r"[0-9]{3}[A-Z0-9_]{5}", re.ASCII)

_NUMBER = r"(?!0000)[0-9]{4}"
_CHAPTER = r"(?!00)[0-9]{2}"
# Never a dot first, although Labs would take it: `._GX010042.MP4` is what a Mac leaves on a card.
_BASENAME = r"(?:[A-Za-z0-9+\-_(),][A-Za-z0-9+\-_(),.]{0,27})?"
_HEADS = (
    rf"[GS][XHMG]{_CHAPTER}",
    r"[GS][XHM][A-Z]{2}",
    r"GOPR",
    r"GPFR",
    r"GPBK",
    rf"G[PFB]{_CHAPTER}",
)
FILENAME = re.compile(
    rf"{_BASENAME}(?:(?:{'|'.join(_HEADS)}){_NUMBER}\.MP4|GS{_CHAPTER}{_NUMBER}\.360)", re.ASCII
)
PATH = re.compile(rf"{DIRECTORY.pattern}/{FILENAME.pattern}", re.ASCII)
# How a person may name a recording: number, directory and number, label.
SPELLING = re.compile(
    rf"(?:{DIRECTORY.pattern}/)?(?:[0-9]{{4}}|[A-Z]{{2}})"
    rf"|{DIRECTORY.pattern}/{_BASENAME}[GS][A-Z](?:\.\.[0-9]{{4}}|[A-Z]{{2}}\.\.)",
    re.ASCII,
)

_FIRSTS = {"GOPR": "GP", "GPFR": "GF", "GPBK": "GB"}
# Their first file has a name without a chapter, so that 01 is the second.
_COUNT_FROM_THE_SECOND = frozenset(_FIRSTS.values())
# What sessions were named after by number alone: these prefixes stay out of a session's name.
ORDINARY_PREFIXES = frozenset({"GX", "GH", "GM", "GS", "GP"})
# Photos (raw, 360 degrees), proxies, thumbnails, sound. A file with any other ending may be a video.
OTHER_ENDINGS = (".JPG", ".JPEG", ".GPR", ".DNG", ".36P", ".LRV", ".THM", ".WAV")

# What a camera keeps beside a chapter and does not list: its proxy (H.264) and its thumbnail (JPEG).
_PLACE = rf"(?:{_CHAPTER}|[A-Z]{{2}}){_NUMBER}"
_CHAPTER_WITH_SIDECARS = re.compile(rf"(G[XH])({_PLACE})\.MP4", re.ASCII)
SIDECAR_PATH = re.compile(rf"{DIRECTORY.pattern}/(?:GL{_PLACE}\.LRV|G[XH]{_PLACE}\.THM)", re.ASCII)
_ENCRYPTED = re.compile(rf"{_BASENAME}S[XHMG].{{2}}{_NUMBER}\.MP4", re.ASCII)

LAST_NUMBER = 9999
MOST_FILES_OF_A_DIRECTORY = 999


@dataclass(frozen=True)
class ChapterName:
    """What a file name says: the recording's prefix and number, and which chapter of it this is.

    `number` is four digits, or the two letters of a loop; chapters are 1-based, those of a loop count on from anywhere.
    """

    prefix: str
    number: str
    chapter: int


def parsed(filename: str) -> ChapterName | None:
    """What the name says, or None for photos, proxies and other files of a card."""
    if not FILENAME.fullmatch(filename):
        return None
    stem = filename[:-4]
    basename, head, code, digits = stem[:-8], stem[-8:-6], stem[-6:-4], stem[-4:]
    if first := _FIRSTS.get(head + code):
        return ChapterName(basename + first, digits, 1)
    if is_loop(code):
        return ChapterName(basename + head, code, int(digits))
    return ChapterName(basename + head, digits, int(code) + (head in _COUNT_FROM_THE_SECOND))


def proxy_of(filename: str) -> str | None:
    """The name of a chapter's proxy: GX or GH become GL; None for chapters whose proxies have unknown names."""
    match = _CHAPTER_WITH_SIDECARS.fullmatch(filename)
    return f"GL{match[2]}.LRV" if match else None


def thumbnail_of(filename: str) -> str | None:
    """The name of a chapter's thumbnail; None where its proxy has no known name either."""
    match = _CHAPTER_WITH_SIDECARS.fullmatch(filename)
    return f"{match[1]}{match[2]}.THM" if match else None


def is_encrypted(filename: str) -> bool:
    """Whether the name says that Labs firmware encrypts what it films."""
    return _ENCRYPTED.fullmatch(filename) is not None


def is_directory(name: str) -> bool:
    """Whether a directory name is one that a camera gives."""
    return DIRECTORY.fullmatch(name) is not None


def may_be_video(filename: str) -> bool:
    """Whether a file of this name may be a video: true for an unknown ending, and for a name that is not printable."""
    return not filename.isprintable() or not filename.upper().endswith(OTHER_ENDINGS)


def is_loop(number: str) -> bool:
    """Whether a recording's number is the two letters of a loop, whose oldest chapters the camera overwrites."""
    return number.isalpha()


def label(directory: str, prefix: str, number: str) -> str:
    """A recording as one reads it, the dots for what changes: `100GOPRO/GX..0042`, a loop `100GOPRO/GXAA..`."""
    return f"{directory}/{prefix}{number}.." if is_loop(number) else f"{directory}/{prefix}..{number}"


def spellings(directory: str, prefix: str, number: str) -> frozenset[str]:
    """All that `--recording` may say of a recording: `0042`, `100GOPRO/0042`, `100GOPRO/GX..0042`."""
    return frozenset({number, f"{directory}/{number}", label(directory, prefix, number)})


def counted_on(places: set[int]) -> list[int]:
    """`places` (1 to 9999) as the camera came to them: after 9999 it continues with 1.

    A directory is left after 999 files (gopro/OpenGoPro#388), so its counter has turned over where that puts them all
    within so many; else their order stays.
    """
    ordered = sorted(places)
    before = ordered[-1:] + ordered[:-1]
    widest = max(range(len(ordered)), key=lambda at: (ordered[at] - before[at]) % LAST_NUMBER)
    turned = ordered[widest:] + ordered[:widest]
    return turned if len(count(turned[0], turned[-1])) <= MOST_FILES_OF_A_DIRECTORY else ordered


def count(first: int, last: int) -> list[int]:
    """Every number that the camera counts from `first` to `last`, over 9999 where `last` is the smaller."""
    steps = (last - first) % LAST_NUMBER
    return [(first + step - 1) % LAST_NUMBER + 1 for step in range(steps + 1)]
