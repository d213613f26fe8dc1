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
)
