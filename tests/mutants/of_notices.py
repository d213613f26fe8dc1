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
        "a session that needs a person is not listed",
        "cloud/chalicelib/flows/store.py",
        "        needs=needs(after),\n",
        "",
        "tests/flows/test_overview.py",
    ),
    bug(
        "a session that needs nobody any more stays listed",
        "cloud/chalicelib/aws/records.py",
        "        elif change.counting and change.counting.ends_needing:\n",
        "        elif False:\n",
        "tests/contracts/test_counters_contract.py",
        "-k",
        "need",
    ),
    bug(
        "a lost original that holds its session is told as a hold alone",
        "cloud/chalicelib/core/attention.py",
        "    yield from grave\n",
        "",
        "tests/core/test_attention.py",
    ),
    bug(
        "a device that was hauling is never looked for",
        f"{FLOWS}/watch_devices.py",
        "    elif watch.is_silent(now, ports.policy.device_silent_s):\n",
        "    elif False:\n",
        "tests/flows/test_watch_devices.py",
    ),
    bug(
        "a device that is heard while it is looked for is named as silent",
        "cloud/chalicelib/aws/records.py",
        '        condition = "heard_at = :heard AND attribute_not_exists(silent_since)"\n',
        '        condition = "heard_at <> :heard OR attribute_not_exists(silent_since)"\n',
        "tests/contracts/test_notices_contract.py",
    ),
    bug(
        "a silence is told in every round",
        f"{FLOWS}/watch_devices.py",
        "watch.silenced(), None, notices)",
        "watch, now, notices)",
        "tests/flows/test_watch_devices.py",
    ),
    bug(
        "a week is told by every run",
        "cloud/chalicelib/aws/records.py",
        '                "ConditionExpression": "attribute_not_exists(pk)",\n            }\n        }\n        told',
        "            }\n        }\n        told",
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
