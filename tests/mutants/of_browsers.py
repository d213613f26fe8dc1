"""Planted bugs about sessions whose films come from a browser."""

from tests.mutants.mutant import bug

SESSIONS = "cloud/chalicelib/flows/browser_sessions.py"
UPLOADS = "cloud/chalicelib/flows/uploads.py"
TESTS = "tests/flows/test_browser_sessions.py"
ONE_PUT = "tests/flows/test_one_put.py"
ADDRESSES = ("tests/contracts/test_signer_contract.py", "-k", "whole")

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
    bug(
        "a small film may be put over what the key has",
        "cloud/chalicelib/aws/signer.py",
        '            "if-none-match": "*",\n',
        "",
        *ADDRESSES,
    ),
    bug(
        "the address of a small film takes any bytes",
        "cloud/chalicelib/aws/signer.py",
        """            **_bound(whole),
            "content-type\"""",
        """            "content-length": str(whole.size_bytes),
            "content-type\"""",
        *ADDRESSES,
    ),
    bug(
        "an address for one PUT is given away before its checksum is promised",
        UPLOADS,
        "            save(ports, picture, upload.signed(whole.crc64nvme, now))\n",
        "            pass\n",
        ONE_PUT,
    ),
    bug(
        "other bytes are signed while an earlier PUT may be on its way",
        UPLOADS,
        "        if upload.promise not in (None, whole.crc64nvme) and may_be_assembling",
        "        if False and may_be_assembling",
        ONE_PUT,
    ),
    bug(
        "what a cancelled PUT left is hidden while its address is good",
        "cloud/chalicelib/core/settle/uploads.py",
        "    if upload.owes_removal and not (upload.is_one_put and may_be_assembling(upload, now, policy)):\n",
        "    if upload.owes_removal:\n",
        ONE_PUT,
    ),
)
