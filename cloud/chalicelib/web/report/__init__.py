"""The report as a page that prints on A4 and can be signed: HTML with inline SVG, without any script."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.web.report import plots
from chalicelib.web.report.markup import Markup, joined, tag

Document = Mapping[str, Any]

DASH = "\N{EN DASH}"
MINUTE = "\N{PRIME}"
_NO_BOX = 99

_STYLE = """
@page { size: A4; margin: 14mm 13mm 16mm }
* { box-sizing: border-box }
body { font: 10pt/1.38 "Helvetica Neue", Arial, "Liberation Sans", sans-serif; color: #111; margin: 0 auto;
  max-width: 184mm; padding: 4mm 0; -webkit-print-color-adjust: exact; print-color-adjust: exact }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 8mm;
  border-bottom: 1.5pt solid #111; padding-bottom: 3mm }
h1 { font-size: 17pt; line-height: 1.15; margin: 0 0 1mm } h1 + p { margin: 0; color: #444 }
h2 { font-size: 11.5pt; margin: 6mm 0 1.5mm; border-bottom: .5pt solid #999; padding-bottom: .5mm; break-after: avoid }
h3 { font-size: 9.5pt; margin: 0 0 .5mm }
p { margin: 1mm 0 }
.verdict { border: 1.2pt solid #111; padding: 1.5mm 4mm; font-size: 13pt; font-weight: bold; white-space: nowrap;
  text-transform: uppercase }
.word { font-weight: bold; white-space: nowrap }
.pass { background: #dcefe0 } .fail { background: #c22f22; color: #fff } .open { background: #f4ecd6 }
td.pass, td.fail, td.open { text-align: center }
.facts { display: grid; grid-template-columns: 8fr 9fr; gap: 0 6mm }
.keep { break-inside: avoid }
dl { display: grid; grid-template-columns: 26mm 1fr; margin: 1mm 0; gap: .4mm 2mm; align-content: start }
dt { color: #555 } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-size: 9pt; font-variant-numeric: tabular-nums }
thead { display: table-header-group } tr { break-inside: avoid }
th, td { border-bottom: .4pt solid #bbb; padding: .9mm 1.6mm; text-align: left; vertical-align: top }
th { font-weight: 600; border-bottom: .8pt solid #555; vertical-align: bottom }
.n { text-align: right; white-space: nowrap }
.small, .legend { font-size: 8pt; color: #444 }
.legend { break-after: avoid }
.why td { border-bottom: .8pt solid #999; color: #333; font-size: 8.5pt }
.values td { border-bottom: 0 }
.plots { display: grid; grid-template-columns: 1fr 1fr; gap: 3mm 5mm } figure { margin: 0; break-inside: avoid }
svg { width: 100%; height: auto; display: block }
svg text { font: 7.5px Arial, "Liberation Sans", sans-serif; fill: #333 }
.key { margin-right: 4mm; white-space: nowrap }
.key i { display: inline-block; width: 3mm; height: 2.4mm; margin-right: 1mm }
.notice { border: 1pt solid #a06f00; background: #f9f1dc; padding: 2mm 3mm; margin: 4mm 0 }
.sign { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 8mm; margin-top: 15mm; break-inside: avoid }
.sign div { border-top: .6pt solid #111; padding-top: 1mm; font-size: 8.5pt; color: #444 }
code { font: 8.5pt "Liberation Mono", monospace; overflow-wrap: anywhere }
"""


def page(document: Document, overview: Mapping[str, Any] | None) -> str:
    """The page of a report's document; the plots are of the `overview`, and absent without one."""
    title = f"Inspection of approach lights: {document['session']['session_id']}"
    parts = (
        _header(document),
        _notice(document),
        _facts(document),
        _asked(document),
        _lights(document),
        _wings(document),
        _runs(document),
        _plots(document, overview),
        _frames(document),
        _method(document),
        _signature(),
    )
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(_STYLE)),
    )
    return "<!DOCTYPE html>\n" + tag("html", tag("head", head), tag("body", *parts), lang="en")


def _header(document: Document) -> Markup:
    session = document["session"]
    name = tag(
        "div",
        tag("h1", "Inspection of approach lights"),
        tag("p", f"Session {session['session_id']}, project {session['project']}"),
    )
    verdict = document["inspection"]["verdict"]
    return tag("header", name, tag("div", verdict, class_=f"verdict {_class(verdict)}"))


def _notice(document: Document) -> Markup | None:
    if document["needs_index"]:
        return tag("p", f"Index again: {document['needs_index']}.", class_="notice")
    return None


def _facts(document: Document) -> Markup:
    session, camera, film = document["session"], document["camera"], document["film"]
    measured, order = document["measurements"], document["order"]
    chapters = [f"{each['name']}, {_size(each['size_bytes'])}, {_known(each)}" for each in film["chapters"]]
    clocks = [each["camera_clock"].replace("T", " ") for each in film["chapters"] if each["camera_clock"]]
    left = _list(
        ("Session", session["session_id"]),
        ("Project", session["project"]),
        ("Group", session["group"] or DASH),
        ("Device", session["device_id"]),
        ("Opened", _time(session["created_at"])),
        ("Imported from", _origin(session["storage"])),
        ("Recorded", _time(recorded) if (recorded := session["storage"]["recorded_at"]) else None),
        ("Camera", " ".join(each for each in (camera["model"], camera["firmware"]) if each) or DASH),
        ("Serial number", camera["serial"]),
    )
    right = _list(
        ("Film", tag("span", *_lines(chapters))),
        ("Camera's clock", " to ".join(dict.fromkeys((clocks[0], clocks[-1]))) if clocks else None),
        ("Time of the film", f"{film['first_s']:.2f} s to {film['last_s']:.2f} s"),
        ("Order", f"number {order['number']}, {_time(order['ordered_at'])}" if order else DASH),
        ("Measurements", measured["artifact_id"]),
        ("Measured", _time(measured["measured_at"])),
        ("Frames", f"{measured['frames']} measured, {measured['rejected']} rejected"),
        ("Numbers", f"{measured['first_frame']} to {measured['last_frame']}"),
    )
    return tag("section", left, right, class_="facts")


def _known(chapter: Mapping[str, Any]) -> str:
    """How surely a chapter is known, in words."""
    if not chapter["agrees"]:
        return "and two reads of it differ"
    return chapter["level"].replace("-", " ") if chapter["level"] else "without a receipt"


def _asked(document: Document) -> Markup:
    inspection = document["inspection"]
    asked = inspection["asked"]
    angles = asked.get("nominal_angles") or {}
    boxes = ", ".join(f"box {box}: {_angle(angle)}" for box, angle in sorted(angles.items()))
    numbering = {"faa": "FAA, box 1 next to the runway", "icao": "ICAO, box 1 farthest from the runway"}
    rows = _list(
        ("Side", {"both": "both, two wings"}.get(asked.get("side", ""), asked.get("side", DASH))),
        ("Numbering", numbering.get(asked.get("numbering", ""), DASH)),
        ("Nominal angles", boxes or DASH),
        ("Tolerance", _arcminutes_of(asked, "tolerance_arcmin")),
        ("Glide path", _glide_path_asked(asked)),
        ("Symmetry", _arcminutes_of(asked, "symmetry_tolerance_arcmin")),
    )
    verdict = tag(
        "p",
        "Verdict: ",
        tag("span", inspection["verdict"], class_="word"),
        f" {DASH} {inspection['reason']}.",
    )
    return tag("section", tag("h2", "What the order asks, and the verdict"), rows, verdict)


def _lights(document: Document) -> Markup | None:
    lights = document["inspection"]["lights"]
    if not lights:
        kind = document["measurements"]["kind"]
        return tag("section", tag("h2", "Lights"), tag("p", f"These measurements ({kind}) have no lights."))
    heads = (
        "Box",
        "Light",
        "Angle",
        "",
        "95 % interval",
        "Width",
        "Nominal",
        "Deviation",
        "Frames",
        "Verdict",
    )
    rows: list[Markup] = []
    for light in sorted(lights, key=lambda each: (each["wing"] or "", each["box"] or _NO_BOX)):
        turn = document["lights"].get(light["light"], {}).get("transition", {})
        cells = (
            _place(light),
            light["light"],
            _number(_angle(light["angle"])),
            _number(_degrees_minutes(light["angle"])),
            _number(_interval(light)),
            _number(_arcminutes(light["width"])),
            _number(_angle(light["nominal_angle"])),
            _number(_signed_arcminutes(light["deviation"])),
            _number(_used(turn)),
            _verdict_cell(light["verdict"]),
        )
        rows.append(_row(cells, "values"))
        rows.append(tag("tr", tag("td"), tag("td", light["reason"], colspan=len(heads) - 1), class_="why"))
    note = (
        "Angles in degrees, and in degrees and minutes; widths from 10 to 90 % white; "
        "frames used, and in brackets those set aside."
    )
    return tag("section", tag("h2", "Lights"), _table(heads, rows), tag("p", note, class_="small"))


def _wings(document: Document) -> Markup | None:
    inspection = document["inspection"]
    rows = [
        *(_glide_path_row(path) for path in inspection["glide_paths"]),
        *(_difference_row(each) for each in inspection["differences"]),
        *(_pair_row(pair) for pair in inspection["symmetry"]["pairs"]),
    ]
    if not rows:
        return None
    heads = ("What", "Lights", "Value#", "95 % interval#", "Nominal#", "Deviation#", "Verdict")
    symmetry = inspection["symmetry"]
    verdict = symmetry["verdict"] or "not judged"
    note = tag("p", f"Symmetry: {verdict}, {symmetry['reason']}.", class_="small")
    return tag(
        "section", tag("h2", "Glide path, neighbours, symmetry"), _table(heads, rows), note, class_="keep"
    )


def _glide_path_row(path: Document) -> Markup:
    return _row(
        (
            f"glide path, {path['wing']} wing",
            ", ".join(path["lights"]) or DASH,
            _number(_angle(path["angle"])),
            _number(_interval(path)),
            _number(_angle(path["nominal_angle"])),
            _number(_signed_arcminutes(path["deviation"])),
            _verdict_cell(path["verdict"]),
        )
    )


def _difference_row(each: Document) -> Markup:
    boxes = each["boxes"]
    return _row(
        (
            f"{each['wing']} wing, box {boxes[1]} above {boxes[0]}" if boxes else f"{each['wing']} wing",
            f"{each['lights'][1]}, {each['lights'][0]}",
            _number(_signed_arcminutes(each["difference"])),
            _number(_interval(each, "difference")),
            _number(_signed_arcminutes(each["nominal_difference"])),
            _number(_signed_arcminutes(each["deviation"])),
            DASH,
        )
    )


def _pair_row(pair: Document) -> Markup:
    return _row(
        (
            f"left above right, box {pair['box'] or DASH}",
            ", ".join(pair["lights"]),
            _number(_signed_arcminutes(pair["difference"])),
            _number(_interval(pair, "difference")),
            _number(DASH),
            _number(DASH),
            _verdict_cell(pair["verdict"]),
        )
    )


def _runs(document: Document) -> Markup | None:
    rows = [
        _run_row(name, run)
        for name, light in document["lights"].items()
        for run in light["transition"].get("runs", ())
    ]
    if not rows:
        return None
    more = sum(light["transition"].get("further_runs") or 0 for light in document["lights"].values())
    heads = (
        *("Light", "Run", "Time#", "Angles#", "Angle#", "95 % interval#", "Width#", "Used#", "Set aside"),
        "Outcome",
    )
    note = tag("p", f"{more} further runs are not listed.", class_="small") if more else None
    return tag("section", tag("h2", "Runs: each climb and each descent"), _table(heads, rows), note)


def _run_row(name: str, run: Document) -> Markup:
    outcome = run.get("outcome", DASH)
    verdict = (
        f"{outcome}; {run['verdict']}" if run.get("verdict") and run.get("angle") is not None else outcome
    )
    return _row(
        (
            name,
            f"{run['run']}, {run['direction']}",
            _number(f"{run['first_s']:.1f} to {run['last_s']:.1f} s"),
            _number(f"{_plain(run['angle_min'])} to {_plain(run['angle_max'])}°"),
            _number(_angle(run["angle"])),
            _number(_interval(run)),
            _number(_arcminutes(run["width"])),
            _number(run["frames_used"]),
            _set_aside(run["frames_set_aside"]),
            verdict,
        )
    )


def _plots(document: Document, overview: Mapping[str, Any] | None) -> Markup | None:
    if overview is None:
        return None
    lights = document["inspection"]["lights"]
    over_time = _figures(lights, [plots.angle_over_time(overview, light) for light in lights])
    around = _figures(lights, [plots.share_of_white(overview, light) for light in lights])
    if not over_time:
        return tag(
            "section", tag("h2", "Plots"), tag("p", "No light has an angle, so there is nothing to draw.")
        )
    sections = [tag("h2", "Angle over time"), plots.legend(), tag("div", *over_time, class_="plots")]
    if around:
        note = (
            "Points: frames by their angle, from the overview of the index; a transition counts as half white. "
            "Curve: the fit."
        )
        sections += [
            tag("h2", "Share of white around each turn"),
            tag("p", note, class_="legend"),
            tag("div", *around, class_="plots"),
        ]
    return tag("section", *sections)


def _figures(lights: Sequence[Document], drawn: Sequence[Markup | None]) -> list[Markup]:
    return [
        tag("figure", tag("h3", _name(light)), plot)
        for light, plot in zip(lights, drawn, strict=True)
        if plot is not None
    ]


def _frames(document: Document) -> Markup:
    measured = document["measurements"]
    rejects = [_row((_number(each["frame"]), each["reason"])) for each in measured["first_rejects"]]
    counts = [
        _row((name, *(_number(light["statuses"].get(word, 0)) for word in _WORDS), _number(light["frames"])))
        for name, light in document["lights"].items()
    ]
    heads = ("Light", "Red#", "Transition#", "White#", "Not visible#", "All frames#")
    rejected = f"Frames of the file that could not be used: {measured['rejected']}"
    first = f", of which the first {len(rejects)} are listed." if rejects else "."
    return tag(
        "section",
        tag("h2", "Frames"),
        _table(heads, counts) if counts else None,
        tag("p", rejected, first),
        _table(("Place in the file#", "Reason"), rejects) if rejects else None,
        class_="keep",
    )


_WORDS = ("red", "transition", "white", "not_visible")


def _method(document: Document) -> Markup:
    measured = document["measurements"]
    found = [light["transition"].get("method") for light in document["lights"].values()]
    methods = {json.dumps(method, sort_keys=True): method for method in found if method}
    rows: list[tuple[str, object]] = []
    for method in methods.values():
        rows += _method_rows(method)
    rows += [
        ("Revision", tag("code", measured["revision"])),
        ("Indexed", _time(measured["indexed_at"])),
        ("Measured", _time(measured["measured_at"])),
        ("File", f"{measured['artifact_id']}, {measured['size_bytes']} bytes"),
        ("Its version", tag("code", measured["version_id"])),
        ("CRC64NVME", tag("code", measured["crc64nvme"])),
        ("Reported", _time(document["reported_at"])),
    ]
    note = (
        "An interval holds the angle in 95 of 100 flights as far as the frames scatter by chance. An error that all "
        "frames share, such as a wrong height of the camera, is in no interval. A light passes when its whole interval "
        "lies within the tolerance and fails when it lies outside; an interval across a limit decides nothing."
    )
    return tag(
        "section",
        tag("h2", "Method and sources"),
        _list(*rows),
        tag("p", note, class_="small"),
        class_="keep",
    )


def _method_rows(method: object) -> Iterator[tuple[str, object]]:
    if not isinstance(method, Mapping):
        yield "Algorithm", method
        return
    yield "Algorithm", f"{method.get('name', DASH)}, version {method.get('version', DASH)}"
    parameters = method.get("parameters")
    if parameters:
        yield "Its parameters", tag("code", json.dumps(parameters, ensure_ascii=False, sort_keys=True))


def _signature() -> Markup:
    return tag(
        "section",
        *(tag("div", each) for each in ("Name of the inspector", "Place and date", "Signature")),
        class_="sign",
    )


def _list(*rows: tuple[str, object]) -> Markup:
    return tag(
        "dl", *(joined(tag("dt", name), tag("dd", value)) for name, value in rows if value is not None)
    )


def _lines(texts: Sequence[str]) -> Iterator[Markup]:
    for place, text in enumerate(texts):
        yield joined(tag("br") if place else None, text)


def _table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    """A head that ends in `#` is above numbers."""
    head = tag(
        "tr",
        *(tag("th", each.removesuffix("#"), class_="n" if each.endswith("#") else None) for each in heads),
    )
    return tag("table", tag("thead", head), tag("tbody", *rows))


def _row(cells: Sequence[object], class_: str | None = None) -> Markup:
    made = (each if _is_cell(each) else tag("td", each) for each in cells)
    return tag("tr", *made, class_=class_)


def _is_cell(value: object) -> bool:
    return isinstance(value, Markup) and value.startswith("<td")


def _number(value: object) -> Markup:
    return tag("td", value, class_="n")


def _verdict_cell(verdict: str | None) -> Markup:
    return tag("td", verdict or "not judged", class_=f"word {_class(verdict)}" if verdict else None)


def _class(verdict: str | None) -> str:
    return verdict if verdict in ("pass", "fail") else "open"


def _place(light: Document) -> str:
    box = DASH if light["box"] is None else str(light["box"])
    return f"{light['wing']} {box}" if light["wing"] else box


def _name(light: Document) -> str:
    wing = f", {light['wing']} wing" if light["wing"] else ""
    return (
        f"{light['light']}{wing}, box {light['box']}"
        if light["box"] is not None
        else f"{light['light']}{wing}"
    )


def _origin(storage: Document) -> str | None:
    return f"{storage['origin']}, {storage['source']}" if storage["source"] else None


def _glide_path_asked(asked: Document) -> str:
    angle, tolerance = asked.get("glide_path_angle"), asked.get("glide_path_tolerance_arcmin")
    if angle is None and tolerance is None:
        return DASH
    return f"{_angle(angle)} ± {_arcminutes_of(asked, 'glide_path_tolerance_arcmin')}"


def _arcminutes_of(asked: Document, name: str) -> str:
    return DASH if asked.get(name) is None else f"{asked[name]:g}{MINUTE}"


def _used(turn: Document) -> str:
    if turn.get("frames_used") is None:
        return DASH
    return f"{turn['frames_used']} ({_total(turn.get('frames_set_aside'))})"


def _total(set_aside: object) -> object:
    """How many frames were set aside, for all reasons together."""
    return sum(set_aside.values()) if isinstance(set_aside, Mapping) else set_aside or 0


def _set_aside(found: object) -> str:
    """Why frames were set aside, and how many."""
    if not isinstance(found, Mapping):
        return str(found)
    told = [f"{count} {reason.replace('_', ' ')}" for reason, count in found.items() if count]
    return ", ".join(told) or "0"


def _interval(known: Document, name: str = "angle") -> str:
    """Both ends as degrees for an angle, as minutes for a difference."""
    interval = known["interval"]
    if interval is None:
        return DASH
    if name == "angle":
        return f"{interval[0]:.4f} to {interval[1]:.4f}°"
    return f"{interval[0] * 60:+.2f} to {interval[1] * 60:+.2f}{MINUTE}"


def _angle(value: float | None) -> str:
    return DASH if value is None else f"{value:.4f}°"


def _plain(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _degrees_minutes(value: float | None) -> str | None:
    if value is None:
        return DASH
    minutes = round(abs(value) * 60, 1)
    sign = "-" if value < 0 else ""
    return f"{sign}{int(minutes // 60)}° {minutes % 60:04.1f}{MINUTE}"


def _arcminutes(value: float | None) -> str:
    return DASH if value is None else f"{value * 60:.2f}{MINUTE}"


def _signed_arcminutes(value: float | None) -> str:
    return DASH if value is None else f"{value * 60:+.2f}{MINUTE}"


def _size(size_bytes: int) -> str:
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= least:
            return f"{size_bytes / least:.2f} {unit}"
    return f"{size_bytes} bytes"


def _time(moment: str) -> str:
    """`2026-11-21 10:15:00 UTC`."""
    return f"{moment[:10]} {moment[11:19]} UTC"
