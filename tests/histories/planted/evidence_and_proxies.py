"""Bugs in what is made of a second read of a card, and in proxies."""

from tests.histories.planted.bug import Begin, Kind, Neighbour, NoNeighbour, PlantedBug
from tests.mutants.mutant import Edit

CORE = "cloud/chalicelib/core"
EVIDENCE = f"{CORE}/evidence.py"
CLEANING = f"{CORE}/settle/cleaning.py"
GATES = f"{CORE}/settle/gates.py"
KEYS = f"{CORE}/keys.py"

_EVIDENCE_GATE = Edit(
    GATES, '    "evidence-agrees": _evidence_agrees,\n', '    "evidence-agrees": lambda *_: None,\n'
)
_LAST_LOOK = Edit(CLEANING, "    elif picture.differing:\n", "    elif not picture:\n")

OF_EVIDENCE = (
    PlantedBug(
        "two reads that differ keep no original",
        Kind.EVIDENCE,
        "originals go although the card may be all that has the true bytes",
        (_EVIDENCE_GATE,),
        Neighbour("the last look recalls what differs", (_LAST_LOOK,)),
    ),
    PlantedBug(
        "any second read makes a chapter read-twice, whatever its bytes",
        Kind.EVIDENCE,
        "the record calls a wrong first read sure, and nobody hears of the difference",
        (
            Edit(
                EVIDENCE,
                "        if read.crc64nvme == receipt.crc64nvme and is_as_before:\n",
                "        if is_as_before:\n",
            ),
        ),
        Neighbour(
            "each look at the evidence compares with the present receipt once more",
            (
                Edit(
                    EVIDENCE,
                    "        if self.agreed and self.agreed.crc64nvme != receipt.crc64nvme:\n",
                    "        if self.agreed and not receipt.crc64nvme:\n",
                ),
            ),
            masks=True,
        ),
    ),
    PlantedBug(
        "a later read that agrees hides the difference",
        Kind.EVIDENCE,
        "a difference that no person has looked into lets the originals go",
        (
            Edit(
                EVIDENCE,
                "            return replace(known, agreed=known.agreed or read)\n",
                "            return replace(known, agreed=known.agreed or read, differences=())\n",
            ),
        ),
        NoNeighbour("a difference is kept in this place alone"),
    ),
    PlantedBug(
        "one word holds for every later difference",
        Kind.EVIDENCE,
        "an operator accepts one difference, and another one is never looked into",
        (
            Edit(
                EVIDENCE,
                "        return tuple(each for each in self.differences if each.accepted is None)\n",
                "        return self.differences if all(each.accepted is None for each in self.differences) else ()\n",
            ),
        ),
        NoNeighbour("the word is kept beside the difference alone"),
    ),
    PlantedBug(
        "a difference after the cleanup lets the originals be purged",
        Kind.EVIDENCE,
        "S3 purges originals while it is unknown which read is right",
        (_LAST_LOOK,),
        Neighbour("cleanup waits for what differs", (_EVIDENCE_GATE,)),
    ),
)

OF_PROXIES = (
    PlantedBug(
        "a cleanup removes what could still be watched",
        Kind.PROXY,
        "after the cleanup nothing of the recording can be watched",
        (
            Edit(
                KEYS,
                "    return key.startswith((*CLEANED, INCOMING))\n",
                "    return key.startswith((*CLEANED, INCOMING, PROXIES))\n",
            ),
        ),
        Neighbour(
            "nothing but originals and intermediates is tagged for the purge",
            (
                Edit(
                    KEYS,
                    "    return key.startswith(CLEANED)\n",
                    "    return key.startswith((*CLEANED, PROXIES))\n",
                ),
            ),
        ),
        Begin.HOME,
    ),
    PlantedBug(
        "an open proxy keeps its session from cleanup",
        Kind.PROXY,
        "a proxy that never comes keeps its originals for as long as its upload is open",
        (
            Edit(
                GATES,
                "if each.owes and not is_sidecar(each.artifact_id)]",
                "if each.owes]",
            ),
        ),
        NoNeighbour("the gate asks in this place alone"),
        Begin.HOME,
    ),
    PlantedBug(
        "a refused proxy keeps its film",
        Kind.PROXY,
        "a film does not come home because of its proxy",
        (
            Edit(
                "edge_client/haul/sidecars.py",
                "            except (Refused, Transient, TryLater) as error:\n                if not",
                "            except (Transient, TryLater) as error:\n                if not",
            ),
        ),
        NoNeighbour("the haul of proxies is the only thing before the films"),
        Begin.HAUL,
    ),
    PlantedBug(
        "two versions of a proxy are mixed",
        Kind.PROXY,
        "a proxy of two films gets a receipt",
        (
            Edit(
                "edge_client/haul/sidecars.py",
                "            raise SidecarUnfit(CHANGED)\n",
                "            log.debug(CHANGED)\n",
            ),
        ),
        Neighbour(
            "the last look asks again for some of what was read",
            (
                Edit(
                    "edge_client/haul/pipeline.py",
                    "if self.parts.confirmed_crc() != whole_crc:",
                    "if whole_crc < 0:",
                ),
            ),
            masks=True,
        ),
        Begin.HAUL,
    ),
)
