"""Planted bugs about sessions whose films come from a browser."""

from tests.mutants.mutant import bug

SESSIONS = "cloud/chalicelib/flows/browser_sessions.py"
UPLOADS = "cloud/chalicelib/flows/uploads.py"
TESTS = "tests/flows/test_browser_sessions.py"

OF_BROWSERS = (
    bug(
        "an operator sends films into the session of a device, and a device into a browser's",
        UPLOADS,
        "    principal.demand(Role.OPERATOR if is_of_a_browser else Role.DEVICE)\n",
        "    principal.demand(Role.OPERATOR, Role.DEVICE)\n",
        TESTS,
    ),
    bug(
        "a film from a browser may name a card's directory",
        SESSIONS,
        "        if film.directory != BROWSER_FILMS:\n",
        "        if False:\n",
        TESTS,
    ),
    bug(
        "a film that has its receipt is taken back",
        SESSIONS,
        "    if any(each.receipt for each in uploads):\n",
        "    if False:\n",
        TESTS,
    ),
    bug(
        "who adds a film to a browser's session drops those that another one added",
        SESSIONS,
        "    found = film_differences(known, wanted, films)\n",
        "    found = ()\n",
        TESTS,
    ),
)
