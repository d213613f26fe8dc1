"""The bugs that are planted in what callers may see and do, and how much."""

from tests.mutants.mutant import bug

FLOWS = "cloud/chalicelib/flows"

OF_CALLERS = (
    bug(
        "a device lists the sessions of others",
        f"{FLOWS}/listings.py",
        "        wanted = replace(wanted, device_id=principal.device_id)\n",
        "",
        "tests/flows/test_listings.py",
        "-k",
        "its_own",
    ),
    bug(
        "a page ends after its last row, though more sessions follow",
        f"{FLOWS}/listings.py",
        "        if len(entries) < most:\n",
        "        if rows or len(entries) < most:\n",
        "tests/flows/test_listings.py",
    ),
    bug(
        "the order in which a page continues forgets sessions of the same moment",
        "cloud/chalicelib/aws/items.py",
        '    return f"{sortable(listed.created_at)}#{listed.session_id}"\n',
        '    return f"{sortable(listed.created_at)}"\n',
        "tests/contracts/test_lists_contract.py",
    ),
    bug(
        "a device reads footage though nobody lets it",
        f"{FLOWS}/sessions.py",
        "    if principal.role is Role.DEVICE and not ports.policy.devices_may_read:\n",
        "    if principal.role is Role.DEVICE and ports.policy.devices_may_read is None:\n",
        "tests/web/test_processing_api.py",
        "-k",
        "a_device_reads_nothing",
    ),
    bug(
        "a device reads frames though nobody lets it",
        f"{FLOWS}/frames.py",
        "    demand_reader(ports, principal)\n",
        "",
        "tests/web/test_processing_api.py",
        "-k",
        "a_device_reads_nothing",
    ),
    bug(
        "a device that may read reads other devices' sessions",
        f"{FLOWS}/artifacts.py",
        "    picture = view_session(ports, principal, session_id)\n    receipt = readable_receipt",
        "    picture = ports.records.picture(session_id)\n    assert picture\n    receipt = readable_receipt",
        "tests/web/test_processing_api.py",
        "-k",
        "reads_its_own",
    ),
    bug(
        "a route that is not for every role asks for no token",
        "cloud/chalicelib/web/routing.py",
        "if route.roles else",
        "if route.roles == EVERYBODY else",
        "tests/web/test_auth.py",
        "-k",
        "exactly_what_is_his and hold",
    ),
    bug(
        "an error of the client for scripts has the address",
        "infra/client.py",
        "the coordinator does not answer: {type(error).__name__}",
        "the coordinator does not answer: {error}",
        "tests/infra/test_client.py",
        "-k",
        "no_error_has",
    ),
    bug(
        "the client for scripts sends what a netrc has in place of its token",
        "infra/client.py",
        "        self._session.trust_env = False\n",
        "",
        "tests/infra/test_client.py",
        "-k",
        "netrc",
    ),
)
