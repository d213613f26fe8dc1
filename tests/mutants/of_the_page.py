"""The bugs that are planted in who may use the page."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core/page_sessions.py"
AUTH = "cloud/chalicelib/web/auth.py"
AGES = ("tests/core/test_page_sessions.py",)
CALLS = ("tests/web/test_page_sessions.py",)

OF_THE_PAGE = (
    bug(
        "any page may change something with the cookie of who is logged in",
        AUTH,
        "    if origin.lower() not in (*_own_origins(_host(headers)), *rules.origins):\n",
        "    if not origin:\n",
        *CALLS,
    ),
    bug(
        "a change without an origin is made with the cookie",
        AUTH,
        "    if origin is None:\n        raise NotPermitted(",
        "    if origin is None:\n        return\n        raise NotPermitted(",
        *CALLS,
    ),
    bug(
        "another site may cause a read with the cookie",
        AUTH,
        ' == "cross-site":\n',
        ' == "":\n',
        *CALLS,
    ),
    bug(
        "off loopback an origin without HTTPS is the page's own",
        AUTH,
        '("https", "http") if _LOOPBACK.fullmatch(host) else ("https",)',
        '("https", "http")',
        *CALLS,
    ),
    bug(
        "a script of the page may read its cookie",
        AUTH,
        "{secure}HttpOnly; ",
        "{secure}",
        *CALLS,
    ),
    bug(
        "any secret proves a page session",
        CORE,
        "    is_proven = hmac.compare_digest(known, tokens.digest(secret))\n",
        "    is_proven = hmac.compare_digest(known, known)\n",
        *AGES,
    ),
    bug(
        "a page session that was idle for too long is good",
        CORE,
        "    if now >= found.seen_at + timedelta(seconds=idle_s):\n",
        "    if now > found.seen_at + timedelta(seconds=idle_s):\n",
        *AGES,
    ),
    bug(
        "a page session that is used never ends",
        CORE,
        "    if now >= found.expires_at:\n",
        "    if now > found.expires_at:\n",
        *AGES,
    ),
    bug(
        "a page session outlives the revocation of its token",
        CORE,
        "or token.revoked_at:\n",
        "or token is None:\n",
        *AGES,
    ),
    bug(
        "a page session outlives the secret that it was opened with",
        CORE,
        "    if held.version != found.secret_version:\n",
        "    if held.version < found.secret_version:\n",
        *AGES,
    ),
    bug(
        "a page session outlives its token",
        CORE,
        "    if token.expires_at and now >= token.expires_at:\n",
        "    if token.expires_at and now > token.expires_at:\n",
        *AGES,
    ),
    bug(
        "a logout leaves the page session good",
        "cloud/chalicelib/flows/page_sessions.py",
        "    ports.records.forget_page_session(key)\n",
        "",
        *CALLS,
    ),
    bug(
        "a use brings a page session back that somebody logged out of",
        "cloud/chalicelib/aws/records.py",
        '                    ConditionExpression="seen_at = :before",\n',
        '                    ConditionExpression="NOT seen_at = :before OR seen_at = :before",\n',
        "tests/contracts/test_page_sessions_contract.py",
    ),
    bug(
        "a cookie with another token's id is that token's",
        CORE,
        "    if found is None or not is_proven:\n",
        "    if not is_proven and token is None:\n",
        *AGES,
    ),
    bug(
        "the cookie is good for the token's next secret",
        "cloud/chalicelib/web/api/tokens.py",
        "        shown_by=ShownBy.TOKEN,\n",
        "",
        *CALLS,
    ),
    bug(
        "devices and processors log in",
        "cloud/chalicelib/flows/page_sessions.py",
        "    principal.demand(*WHO_LOGS_IN)\n",
        "",
        *CALLS,
    ),
    bug(
        "a viewer may do what the view itself lets everybody do",
        "cloud/chalicelib/web/routing.py",
        "    if principal.role in ONLY_LOOKING or route.shown_by is ShownBy.COOKIE:\n",
        "    if route.shown_by is ShownBy.COOKIE:\n",
        "tests/web/test_auth.py",
        "-k",
        "exactly_what_is_his and vwr",
    ),
)
