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
)
