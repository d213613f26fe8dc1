"""The bugs that are planted in how an upload ends: claimed, judged, removed, looked at again."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"
DECISIONS = ("tests/core/settle/test_uploads.py",)

OF_UPLOADS = (
    bug(
        "what S3 assembled is judged without its device's claim",
        f"{CORE}/settle/uploads.py",
        "    if upload.is_disowned:\n",
        "    if upload.is_disowned and upload.copies:\n",
        *DECISIONS,
    ),
    bug(
        "a claim that comes while S3 assembles is not recorded",
        f"{FLOWS}/completion.py",
        "if claim in (None, upload.claim) or not upload.is_live:",
        "if claim in (None, upload.claim) or upload.promise:",
        "tests/flows/test_completion.py",
    ),
    bug(
        "a rejected object is removed though the session was written since",
        f"{FLOWS}/actions/uploads.py",
        "        demand_unwritten(ports, picture)\n",
        "",
        "tests/flows/test_settle.py",
    ),
    bug(
        "the object of another upload is removed for a rejected one",
        f"{FLOWS}/actions/uploads.py",
        "if now_there is None or now_there.upload_id != upload.upload_id:",
        "if now_there is None:",
        "tests/flows/test_settle.py",
    ),
    bug(
        "another version than the judged one is removed",
        f"{FLOWS}/actions/uploads.py",
        "if now_there.version_id != action.stored.version_id:",
        "if now_there.version_id is None:",
        "tests/flows/test_settle.py",
    ),
    bug(
        "a key counts as free while a marker of a removal may be on its way",
        f"{CORE}/settle/uploads.py",
        "is_free = not seen.stored and not is_being_cleared(upload, picture, now, policy)",
        "is_free = not seen.stored",
        "tests/flows/test_interleavings.py",
        "-k",
        "no_marker_of_a_removal",
    ),
    bug(
        "an object whose checksum is not told is rejected",
        f"{CORE}/settle/uploads.py",
        "    if upload.may_be_kept_by(stored):\n",
        "    if upload.may_be_kept_by(stored) and upload.copies:\n",
        *DECISIONS,
    ),
    bug(
        "an object whose checksum is not told gets a receipt",
        f"{CORE}/upload.py",
        "            and stored.crc64nvme == self.promise\n",
        "            and stored.crc64nvme in (None, self.promise)\n",
        *DECISIONS,
    ),
    bug(
        "rights on a key stand in the policies of a stack that has none",
        "infra/aws/project.py",
        "for name in OPTIONAL_OUTPUTS if name not in outputs]",
        "for name in OPTIONAL_OUTPUTS if name in outputs]",
        "tests/infra/test_deploy.py",
    ),
    bug(
        "an order looks at uploads",
        f"{FLOWS}/observe.py",
        "return () if actor is Actor.API else due_uploads(picture, now, policy)",
        "return due_uploads(picture, now, policy)",
        "tests/flows/test_observe.py",
    ),
    bug(
        "an upload that rests is never due again",
        f"{CORE}/settle/uploads.py",
        "return upload.look_at if rests and upload.look_at else now",
        "return upload.expires_at if rests and upload.look_at else now",
        "tests/flows/test_observe.py",
    ),
    bug(
        "an upload that waits is looked at in every round",
        f"{CORE}/settle/uploads.py",
        "        yield Rest(tuple(idle))\n",
        "        return\n",
        "tests/flows/test_observe.py",
    ),
    bug(
        "part-urls leave an upload at rest",
        f"{FLOWS}/uploads.py",
        "if not upload.is_resting(ports.clock.now()):",
        "if upload.is_live:",
        "tests/flows/test_observe.py",
    ),
    bug(
        "a round looks at every upload of a session",
        f"{CORE}/settle/uploads.py",
        "return tuple(due[:LOOKS_AT_ONCE])",
        "return tuple(due)",
        "tests/core/settle/test_looks.py",
    ),
    bug(
        "a multipart upload is an orphan as soon as it is opened",
        f"{CORE}/settle/policy.py",
        "orphan_age_s: int = 3_600",
        "orphan_age_s: int = 0",
        "tests/core/settle/test_looks.py",
    ),
    bug(
        "an upload is opened in storage that ignores the checksum of its parts",
        "cloud/chalicelib/aws/object_store.py",
        'if answer.get("ChecksumAlgorithm") != "CRC64NVME":',
        'if answer.get("ChecksumAlgorithm") == "":',
        "tests/aws/test_object_store.py",
        "-k",
        "ignores",
    ),
    bug(
        "what storage has not implemented is tried again for a day",
        "cloud/chalicelib/aws/errors.py",
        "if status_of(error) == 501:",
        "if status_of(error) == 0:",
        "tests/aws/test_errors.py",
    ),
)
