"""Bugs in the device's haul: of one file or of two, durable before it goes, and until it is home."""

from tests.histories.planted.bug import Kind, Neighbour, NoNeighbour, PlantedBug
from tests.histories.planted.uploads import ANY_WHOLE, CLAIM_AT_THE_API, UNCLAIMED
from tests.mutants.mutant import Edit

HAUL = "edge_client/haul"
PIPELINE = f"{HAUL}/pipeline.py"
CHAPTER = f"{HAUL}/chapter.py"
CAMERA = f"{HAUL}/camera_session.py"
LAST_LOOK = f"{HAUL}/last_look.py"
QUEUE = f"{HAUL}/sending/part_queue.py"
SESSIONS = f"{HAUL}/sessions.py"
PLAN = "edge_client/model/plan.py"

_NO_LAST_LOOK = Edit(PIPELINE, "if self.parts.confirmed_crc() != whole_crc:", "if whole_crc < 0:")
_LAST_PART_AT_ONCE = Edit(
    PIPELINE,
    "        whole_crc = self.whole_crc(upload)\n        if self.parts",
    "        whole_crc = self.whole_crc(upload)\n        if withheld:\n"
    "            self._offer(withheld, queue)\n            withheld = None\n        if self.parts",
)
_ANY_FILE = Edit(
    PLAN,
    "if has_got_an_etag or likeness(now, self.file_identity) is Likeness.OTHER:",
    "if size_bytes < 0:",
)
_ANY_HEAD = Edit(
    PLAN, "        if self.head_crc not in (None, head_crc):\n", "        if head_crc is None:\n"
)
_READ_ON = Edit(
    PIPELINE,
    "        if failed:\n            self.context.camera.check_again(self.context.plan, self.context.chapter)\n",
    "",
)

ON_DEVICE = (
    PlantedBug(
        "parts go before their receipt is durable",
        Kind.ORDER,
        "after a crash in between the device has neither the film nor the proof that it is home",
        (
            Edit(
                CHAPTER,
                "        self.context.keep(receipt)\n        self.parts.drop()\n",
                "        self.parts.drop()\n        self.context.keep(receipt)\n",
            ),
        ),
        NoNeighbour("what the device proves without a network is this receipt alone"),
    ),
    PlantedBug(
        "a part goes for room before S3 has it",
        Kind.ORDER,
        "the only copy of bytes that were read leaves the spool",
        (
            Edit(
                QUEUE,
                "            self._waiting.append(part)\n",
                "            self._waiting.append(part)\n            self._outbox.note_acknowledged(self, part)\n",
            ),
        ),
        NoNeighbour("nobody else knows whether a part has arrived"),
    ),
    PlantedBug(
        "a part of a lost upload makes room",
        Kind.LEASE,
        "bytes leave the spool that S3 has given up with the upload",
        (
            Edit(
                QUEUE,
                "            self._error = self._error or error\n            self.keep_parts()\n",
                "            self._error = self._error or error\n",
            ),
        ),
        Neighbour(
            "a round that is over keeps its parts",
            (
                Edit(
                    CHAPTER,
                    "            self._queue.keep_parts()\n            self.pipeline",
                    "            self.pipeline",
                ),
                Edit(
                    QUEUE,
                    "                self.keep_parts_of(queue)\n                self.ended += 1\n",
                    "                self.ended += 1\n",
                ),
            ),
            masks=True,
        ),
    ),
    PlantedBug(
        "parts without a receipt are swept like leftovers",
        Kind.GUARD,
        "after a restart the spool drops films that are not home",
        (
            Edit(
                SESSIONS,
                "                if chapter.artifact_id in homes:\n                    folder.chapter(",
                "                if chapter.artifact_id:\n                    folder.chapter(",
            ),
        ),
        NoNeighbour("nothing else is asked before a sweep"),
    ),
    PlantedBug(
        "a chapter is completed without a last look",
        Kind.IDENTITY,
        "parts of two cards become one film with a receipt",
        (_NO_LAST_LOOK,),
        Neighbour("after a failed read the file is looked at again", (_READ_ON,)),
    ),
    PlantedBug(
        "nothing that was read is asked for again",
        Kind.IDENTITY,
        "parts of a card with an equal file become a part of the film",
        (Edit(LAST_LOOK, "if read(context.chapter, spot.span) != spot.crc}", "if spot.number == 0}"),),
        Neighbour("the first bytes of the file are compared", (_ANY_HEAD,)),
    ),
    PlantedBug(
        "another film under the same name is read on",
        Kind.IDENTITY,
        "a film of another card is hauled as the planned one",
        (_ANY_FILE,),
        Neighbour("the first bytes of the file are compared", (_ANY_HEAD,), masks=True),
    ),
    PlantedBug(
        "a file that begins with other bytes is read on",
        Kind.IDENTITY,
        "a film of another card, equal but for its bytes, is hauled as the planned one",
        (_ANY_HEAD,),
        Neighbour("the last look asks again for some of what was read", (_NO_LAST_LOOK,)),
    ),
    PlantedBug(
        "a camera that was away is read on unseen",
        Kind.IDENTITY,
        "a card that was changed in the meantime gives the next parts",
        (
            Edit(
                CAMERA,
                "was_away = self._known.awake is not None and self._known.awake.take_failure()",
                "was_away = False",
            ),
        ),
        Neighbour("the last look asks again for some of what was read", (_NO_LAST_LOOK,), masks=True),
    ),
    PlantedBug(
        "the last part leaves before the last look",
        Kind.ORDER,
        "S3 has all parts of a film of two cards before the device has seen that it is one",
        (_LAST_PART_AT_ONCE,),
        Neighbour("the coordinator completes only what its sender claims", (UNCLAIMED,), masks=True),
    ),
    PlantedBug(
        "parts that nobody claims are completed",
        Kind.CLAIM,
        "a late part of an earlier try ends a film that its device has not looked at for the last time",
        (UNCLAIMED,),
        Neighbour("the device's last part leaves after its last look", (_LAST_PART_AT_ONCE,)),
    ),
    PlantedBug(
        "parts of another card are not marked",
        Kind.IDENTITY,
        "what the last look found to be of another film is kept and counted",
        (
            Edit(
                LAST_LOOK,
                "            parts.suspect({span.number for span in upload.plan.spans()} - alike)\n",
                "",
            ),
        ),
        NoNeighbour("the mark is all that makes a part be read again"),
    ),
    PlantedBug(
        "what S3 has counts before what was read",
        Kind.CLAIM,
        "the device claims bytes that it did not read",
        (
            Edit(
                PIPELINE,
                "        return crcs | {number: part.crc for number, part in self.parts.parts(upload.plan).items()}"
                " | self.crcs\n",
                "        return {number: part.crc for number, part in self.parts.parts(upload.plan).items()}"
                " | self.crcs | crcs\n",
            ),
        ),
        Neighbour(
            "a part that S3 has otherwise is sent again",
            (
                Edit(
                    CHAPTER,
                    "        return known_crc not in (None, stored.crc)\n",
                    "        return False\n",
                ),
            ),
        ),
    ),
    PlantedBug(
        "an upload that is not verified is called hauled",
        Kind.IDENTITY,
        "an audit says that a card may be erased while its films are on their way",
        (
            Edit(
                "edge_client/model/haul_state.py",
                "verified = [chapter for chapter in same if chapter.stored]",
                "verified = list(same)",
            ),
        ),
        NoNeighbour("the receipt is what an audit rests on"),
    ),
    PlantedBug(
        "parts behind the first request for URLs are forgotten",
        Kind.PAGING,
        "a film with more parts than one request takes never comes home",
        (
            Edit(QUEUE, "MOST_URLS = 32\n", "MOST_URLS = 1\n"),
            Edit(
                QUEUE,
                "            return [self._waiting.popleft() for _ in range(min(MOST_URLS, len(self._waiting)))]\n",
                "            batch = [*self._waiting][:MOST_URLS]\n            self._waiting.clear()\n"
                "            return batch\n",
            ),
        ),
        NoNeighbour("a part that waits is in no other queue"),
    ),
    PlantedBug(
        "the first page of a camera's chapters counts as all",
        Kind.PAGING,
        "a card that is home is never called safe to erase",
        (
            Edit("cloud/chalicelib/flows/cameras.py", "MOST_SESSIONS = 20\n", "MOST_SESSIONS = 1\n"),
            Edit(
                "edge_client/coordinator/client.py",
                "            if cursor is None:\n                return tuple(found)\n",
                "            if cursor is None or page:\n                return tuple(found)\n",
            ),
        ),
        NoNeighbour("the coordinator tells of chapters in no other answer"),
    ),
    PlantedBug(
        "a camera's sessions end with their first page",
        Kind.PAGING,
        "a card that is home is never called safe to erase",
        (
            Edit("cloud/chalicelib/flows/cameras.py", "MOST_SESSIONS = 20\n", "MOST_SESSIONS = 1\n"),
            Edit(
                "cloud/chalicelib/flows/cameras.py",
                "page[-1][0] if len(page) < len(listed) else None",
                "None",
            ),
        ),
        NoNeighbour("the cursor is all that the device knows of further pages"),
    ),
    PlantedBug(
        "a receipt for other bytes lets the parts go",
        Kind.CLAIM,
        "the spool drops what was read for a receipt of something else",
        (
            Edit(
                CHAPTER,
                "        if self.upload and self._read_otherwise(self.upload, receipt):\n",
                "        if self.upload is self:\n",
            ),
        ),
        Neighbour(
            "the coordinator completes and verifies nothing but what the device claims",
            (*ANY_WHOLE, *CLAIM_AT_THE_API),
            masks=True,
        ),
    ),
)
