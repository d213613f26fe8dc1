"""The bugs that are planted in verdicts and tables: each would sign, or hand over, what nobody measured."""

from tests.mutants.mutant import bug

INSPECTION = "cloud/chalicelib/core/measurements/inspection"
VERDICTS = ("tests/core/test_inspection.py",)

JUDGING = (
    bug(
        "an interval across a limit passes",
        f"{INSPECTION}/estimates.py",
        "    if least <= low and high <= most:\n",
        "    if least <= high and low <= most:\n",
        *VERDICTS,
    ),
    bug(
        "an interval that only touches a limit fails",
        f"{INSPECTION}/estimates.py",
        "    if high < least or low > most:\n",
        "    if high <= least or low >= most:\n",
        *VERDICTS,
    ),
    bug(
        "FAA and ICAO number from the same end",
        f"{INSPECTION}/layout.py",
        'begins_at_runway == (numbering == "faa")',
        'begins_at_runway == (numbering == "icao")',
        *VERDICTS,
    ),
    bug(
        "the two wings are not mirrored",
        f"{INSPECTION}/layout.py",
        '    begins_at_runway = side == "right"\n',
        "    begins_at_runway = True\n",
        *VERDICTS,
    ),
    bug(
        "boxes are guessed when a light is missing",
        f"{INSPECTION}/layout.py",
        "    if boxes is not None and boxes * wings != len(names):\n",
        "    if boxes is not None and boxes * wings < len(names):\n",
        *VERDICTS,
    ),
    bug(
        "the whole passes while a light is undecided",
        f"{INSPECTION}/estimates.py",
        "    for verdict in (Verdict.FAIL, Verdict.NOT_ENOUGH_DATA):\n",
        "    for verdict in (Verdict.FAIL,):\n",
        *VERDICTS,
    ),
    bug(
        "an order asks what nobody can read",
        "cloud/chalicelib/core/order.py",
        "    asked_of(parameters)\n",
        "",
        *VERDICTS,
    ),
    bug(
        "a formula in a measurement is run by a spreadsheet",
        "cloud/chalicelib/core/measurements/table.py",
        '    guarded = f"\'{text}" if text.startswith(_FORMULA) else text\n',
        "    guarded = text\n",
        "tests/core/test_measurements_table.py",
    ),
    bug(
        "rows that do not fit are dropped",
        "cloud/chalicelib/core/measurements/table.py",
        '            return Table("".join(lines), frame[NUMBER])\n',
        '            return Table("".join(lines), found.next_frame)\n',
        "tests/core/test_measurements_table.py",
    ),
    bug(
        "what others wrote is markup in the report",
        "cloud/chalicelib/web/report/markup.py",
        "    return part if isinstance(part, Markup) else escape(str(part))\n",
        "    return str(part)\n",
        "tests/web/test_report.py",
        "-k",
        "escapes",
    ),
    bug(
        "the report shows an older index without a word",
        "cloud/chalicelib/web/report/document.py",
        'summary["version"] < FITTED_SINCE',
        'summary["version"] > FITTED_SINCE',
        "tests/web/test_report.py",
        "-k",
        "older_index",
    ),
)
