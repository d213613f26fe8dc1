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
        f"{FLOWS}/finishing.py",
        "if claim in (None, upload.claim) or not upload.is_live:",
        "if claim in (None, upload.claim) or upload.promise:",
        "tests/flows/test_finishing.py",
    ),
    bug(
        "a rejected object is removed though the session was written since",
        f"{FLOWS}/acts/uploads.py",
        "        demand_unwritten(ports, picture)\n",
        "",
        "tests/flows/test_settling.py",
    ),
    bug(
        "the object of another upload is removed for a rejected one",
        f"{FLOWS}/acts/uploads.py",
        "if now_there is None or now_there.upload_id != upload.upload_id:",
        "if now_there is None:",
        "tests/flows/test_settling.py",
    ),
    bug(
        "another version than the judged one is removed",
        f"{FLOWS}/acts/uploads.py",
        "if now_there.version_id != action.stored.version_id:",
        "if now_there.version_id is None:",
        "tests/flows/test_settling.py",
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
)
