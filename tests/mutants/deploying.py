"""Planted bugs in what brings a stage to AWS, and in what is on record of it."""

from tests.mutants.mutant import bug

DEPLOYS = "tests/infra/test_deploys.py"

DEPLOYING = (
    bug(
        "two deploys at once overwrite each other",
        "infra/aws/ledger.py",
        '{"IfMatch": etag} if etag else {"IfNoneMatch": "*"}',
        "{}",
        DEPLOYS,
        "-k",
        "fresh or two_who or taken_over",
    ),
    bug(
        "a deploy does not look whether another one runs",
        "infra/aws/ledger.py",
        "    if page.holder and not take_over:\n",
        "    if False:\n",
        DEPLOYS,
        "-k",
        "second_of_two",
    ),
    bug(
        "a deploy that fails forgets the API that it made",
        "infra/aws/chalice_command.py",
        "        _record(self._executor.resource_values, config.project_dir, chalice_stage_name)\n",
        "",
        DEPLOYS,
        "-k",
        "continued",
    ),
    bug(
        "the local S3 replaces an object whatever it was",
        "infra/local/aws/strict_s3/objects.py",
        "            check_current_etag(self._ask, request, request.key, etag)\n        algorithm",
        "            pass\n        algorithm",
        "tests/infra/strict_s3/test_objects.py",
        "-k",
        "replaced",
    ),
)
