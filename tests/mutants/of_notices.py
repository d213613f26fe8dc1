"""The bugs that are planted in what people are told."""

from tests.mutants.mutant import bug

FLOWS = "cloud/chalicelib/flows"

OF_NOTICES = (
    bug(
        "a notice is forgotten before it was sent",
        f"{FLOWS}/announce.py",
        "        notifier.publish(announcement(notice, device.name if device else None))\n"
        "        ports.records.forget_notice(notice)\n",
        "        ports.records.forget_notice(notice)\n"
        "        notifier.publish(announcement(notice, device.name if device else None))\n",
        "tests/flows/test_announce.py",
    ),
    bug(
        "a notice is not written with its change",
        "cloud/chalicelib/aws/records.py",
        "        for notice in change.notices:\n",
        "        for notice in ():\n",
        "tests/contracts/test_notices_contract.py",
    ),
    bug(
        "a reason is sent with its addresses",
        "cloud/chalicelib/core/notices.py",
        '    without = _ADDRESS.sub("[address]", text)\n',
        "    without = text\n",
        "tests/core/test_notices.py",
    ),
)
