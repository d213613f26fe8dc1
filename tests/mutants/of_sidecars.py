"""Planted bugs in proxies and thumbnails: what must stay, what must not wait, and who brings them."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"
SIDECARS = ("tests/flows/test_sidecars.py",)

OF_SIDECARS = (
    bug(
        "a rejected proxy gets a delete marker",
        f"{CORE}/keys.py",
        "CLEANED = (ORIGINALS, INTERMEDIATES)\n",
        "CLEANED = (ORIGINALS, INTERMEDIATES, PROXIES)\n",
        *SIDECARS,
    ),
    bug(
        "a cleanup removes what could still be watched",
        f"{CORE}/keys.py",
        "    return key.startswith((*CLEANED, INCOMING))\n",
        "    return key.startswith((*CLEANED, INCOMING, PROXIES))\n",
        *SIDECARS,
        "-k",
        "a_cleanup_keeps",
    ),
    bug(
        "an open proxy keeps its session from cleanup",
        f"{CORE}/settle/gates.py",
        "if each.owes and not is_sidecar(each.artifact_id)]",
        "if each.owes]",
        *SIDECARS,
    ),
    bug(
        "an intent is decided beside what a proxy is owed",
        f"{CORE}/settle/__init__.py",
        "        *(() if is_removing else owed_to_uploads(picture, facts, now, policy)),\n",
        "        *owed_to_uploads(picture, facts, now, policy),\n",
        "tests/core/settle/test_properties.py",
    ),
    bug(
        "a damaged proxy is lost, and holds its session",
        f"{CORE}/settle/at_rest.py",
        "if not artifact.is_sidecar(each.artifact_id))",
        "if each)",
        *SIDECARS,
    ),
    bug(
        "a proxy is opened where none is taken",
        f"{FLOWS}/uploads.py",
        "artifact.is_sidecar(artifact_id) and not ports.policy.takes_proxies\n",
        "artifact.is_sidecar(artifact_id) and not ports.policy\n",
        *SIDECARS,
    ),
    bug(
        "a processor brings a proxy",
        f"{FLOWS}/uploads.py",
        "    principal.demand(Role.OPERATOR if is_of_a_browser else Role.DEVICE)\n",
        "    principal.demand(*Role)\n",
        *SIDECARS,
    ),
    bug(
        "a proxy that cannot be played gets its receipt",
        f"{CORE}/film.py",
        "        if content.kinds & _OF_A_FILM:\n            return NoFilm(",
        "        if content.kinds & _OF_A_FILM:\n            return Film(artifact_id, version_id, None, ",
        *SIDECARS,
    ),
    bug(
        "people are told to keep a card because of a proxy",
        f"{CORE}/notices.py",
        "if not is_sidecar(each.artifact_id)):\n",
        "if each):\n",
        *SIDECARS,
    ),
    bug(
        "a proxy is sent again and again to a key that is taken",
        f"{FLOWS}/uploads.py",
        "            _refuse_taken_key(ports, picture, artifact_id)\n",
        "",
        *SIDECARS,
    ),
    bug(
        "the looks of a round go to proxies first",
        f"{CORE}/settle/uploads.py",
        "            is_sidecar(each.artifact_id),\n",
        "            not is_sidecar(each.artifact_id),\n",
        *SIDECARS,
    ),
    bug(
        "browsers are not told that a proxy is a film",
        "cloud/chalicelib/aws/object_store.py",
        "                **told,\n",
        "",
        "tests/aws/test_object_store.py",
    ),
    bug(
        "a proxy may be written over",
        "infra/aws/storage.yaml",
        '              - !Sub "${Bucket.Arn}/proxies/*"\n            Condition:\n              "Null":\n'
        "                s3:if-none-match",
        '            Condition:\n              "Null":\n                s3:if-none-match',
        "tests/infra/test_storage_yaml.py",
    ),
)
