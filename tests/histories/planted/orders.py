"""Bugs between STORED and PROCESSED: orders, what processors make, and what their receipts are for."""

from tests.histories.planted.bug import Kind, Neighbour, NoNeighbour, PlantedBug
from tests.mutants.mutant import Edit

CORE = "cloud/chalicelib/core"
DECISION = f"{CORE}/settle/__init__.py"
OUTPUTS = f"{CORE}/settle/outputs.py"
GATES = f"{CORE}/settle/gates.py"
SESSION = f"{CORE}/session.py"
PICTURE = f"{CORE}/picture.py"
FLOWS = "cloud/chalicelib/flows"
OPERATIONS = f"{FLOWS}/operations.py"

OF_ORDERS = (
    PlantedBug(
        "a session becomes STORED while a chapter is missing",
        Kind.GUARD,
        "people and processors hear that a recording is home although a chapter is missing",
        (
            Edit(
                DECISION,
                "    if picture.chapters and not picture.missing and picture.session.state is SessionState.OPEN:\n",
                "    if picture.chapters and picture.session.state is SessionState.OPEN:\n",
            ),
        ),
        Neighbour(
            "an order goes out once no chapter is missing",
            (
                Edit(
                    DECISION,
                    "    is_owed = picture.session.owes_order and not picture.missing and not",
                    "    is_owed = picture.session.owes_order and not",
                ),
            ),
        ),
    ),
    PlantedBug(
        "an order counts as sent before it is sent",
        Kind.ORDER,
        "after a crash in between nobody ever processes the session",
        (
            Edit(
                f"{FLOWS}/actions/outputs.py",
                "    ports.orders.send(write_message(ports, picture, order))\n"
                "    session = replace(picture.session, order=order.sent(ports.clock.now()))\n"
                "    return report(ports, save(ports, picture, session=session), "
                "Event.ORDER_SENT, order=order.number)\n",
                "    session = replace(picture.session, order=order.sent(ports.clock.now()))\n"
                "    picture = save(ports, picture, session=session)\n"
                "    ports.orders.send(write_message(ports, picture, order))\n"
                "    return report(ports, picture, Event.ORDER_SENT, order=order.number)\n",
            ),
        ),
        NoNeighbour("an order that is on record as sent is sent by nobody"),
    ),
    PlantedBug(
        "each round sends the order again",
        Kind.IDEMPOTENCY,
        "processors do the same work many times",
        (
            Edit(
                SESSION,
                "        unsent = self.order is not None and self.order.sent_at is None and not",
                "        unsent = self.order is not None and not",
            ),
        ),
        NoNeighbour("the queue keeps whatever it is given"),
    ),
    PlantedBug(
        "the order of a held session goes out",
        Kind.GUARD,
        "a processor works on what an operator holds back",
        (
            Edit(
                SESSION,
                "        return unsent and self.held is None and self.state",
                "        return unsent and self.state",
            ),
        ),
        NoNeighbour("processors know nothing of holds"),
    ),
    PlantedBug(
        "an order that is repeated is another order",
        Kind.IDEMPOTENCY,
        "a call whose answer was lost orders twice, and what the first order made does not count",
        (
            Edit(
                OPERATIONS,
                "        if key and session.is_answered(key, asked):\n            return session\n",
                "",
            ),
        ),
        Neighbour(
            "the same wish again changes nothing until the order has gone out",
            (
                Edit(
                    OPERATIONS,
                    "        if known and is_waiting and known.wish.asks_as(wish) and session.failure is None:\n"
                    "            return session\n",
                    "",
                ),
            ),
        ),
    ),
    PlantedBug(
        "a session is processed before its outputs are verified",
        Kind.GUARD,
        "a session says PROCESSED, and what it must have is not there",
        (
            Edit(
                OUTPUTS,
                "    return bool(picture.required) and not picture.awaited and why_not_indexed(picture) is None\n",
                "    return bool(picture.required)\n",
            ),
        ),
        Neighbour(
            "cleanup asks for verified outputs, and looks at them",
            (
                Edit(
                    GATES,
                    '    "outputs-verified": _outputs_are_verified,\n',
                    '    "outputs-verified": lambda *_: None,\n',
                ),
                Edit(
                    GATES, '    "outputs-stand": _outputs_stand,\n', '    "outputs-stand": lambda *_: None,\n'
                ),
            ),
        ),
    ),
    PlantedBug(
        "an output's CRC64NVME is not compared with its manifest",
        Kind.CLAIM,
        "an output that its processor wrote wrongly allows its originals to go",
        (
            Edit(
                OUTPUTS,
                "    return stated.size_bytes == stored.size_bytes and stored.crc64nvme in (None, stated.crc64nvme)\n",
                "    return stated.size_bytes == stored.size_bytes\n",
            ),
        ),
        NoNeighbour("the manifest is the only witness of what its processor meant to write"),
    ),
    PlantedBug(
        "an output's size is not compared with its manifest",
        Kind.CLAIM,
        "an output that was cut short allows its originals to go",
        (
            Edit(
                OUTPUTS,
                "    return stated.size_bytes == stored.size_bytes and stored.crc64nvme in (None, stated.crc64nvme)\n",
                "    return True\n",
            ),
        ),
        NoNeighbour("the manifest is the only witness of what its processor meant to write"),
    ),
    PlantedBug(
        "what an earlier order made fulfils the present one",
        Kind.IDENTITY,
        "a session says PROCESSED with the outputs that its operator had made again",
        (
            Edit(
                PICTURE,
                "        return artifact.made_key(session.session_id, session.order.number, artifact_id)\n",
                "        return artifact.made_key(session.session_id, 1, artifact_id)\n",
            ),
        ),
        NoNeighbour("the number in the key is what tells orders apart"),
    ),
    PlantedBug(
        "a late processor of an earlier order fails the present one",
        Kind.IDENTITY,
        "the present order is given up although its processor is well",
        (
            Edit(
                OPERATIONS,
                "        if number not in (None, known):\n            raise StateConflict(",
                "        if number == 0:\n            raise StateConflict(",
            ),
        ),
        NoNeighbour("the number is all that tells one processor's word from another's"),
    ),
    PlantedBug(
        "the reconciler does not look for outputs",
        Kind.LEASE,
        "when S3's event is lost, the session never becomes PROCESSED",
        (Edit(DECISION, "        or awaits_outputs(picture)\n", ""),),
        NoNeighbour("events may be lost, and processors call nobody"),
    ),
    PlantedBug(
        "the reconciler does not look again at a session that has all its outputs",
        Kind.LEASE,
        "a function dies between the last receipt and the next step, and the session stays STORED",
        (
            Edit(
                DECISION,
                "        or (is_stored and (is_processed(picture) or fault_on_record(picture)))\n",
                "",
            ),
        ),
        NoNeighbour("its outputs are verified, so that nobody awaits anything"),
    ),
    PlantedBug(
        "an order is not sent again after a crash",
        Kind.LEASE,
        "a session whose function was killed before the order went out stays STORED",
        (Edit(DECISION, "        _owed_to_order(picture, now)\n        or", "        False\n        or"),),
        NoNeighbour("an order that did not go out is due for the reconciler alone"),
    ),
)
