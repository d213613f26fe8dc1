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
        "brought_back",
    ),
    bug(
        "a stage is ended while footage is hidden in it",
        "infra/aws/destroy.py",
        'for version in page.get("Versions", [])',
        'for version in page.get("Versions", []) if version["IsLatest"]',
        DEPLOYS,
        "-k",
        "cannot_be_made_again",
    ),
    bug(
        "a stage is ended while something unknown is in it",
        "infra/aws/destroy.py",
        '        found |= {each["Prefix"] for each in page.get("CommonPrefixes", [])}\n',
        "        pass\n",
        DEPLOYS,
        "-k",
        "cannot_be_made_again",
    ),
    bug(
        "nobody looks for footage again when the coordinator is gone",
        "infra/aws/destroy.py",
        "        try:\n            demand_no_footage(s3, bucket)\n",
        "        try:\n            pass\n",
        DEPLOYS,
        "-k",
        "arrives_while",
    ),
    bug(
        "a rollback brings back an older lifecycle",
        "infra/aws/rollback.py",
        '{**earlier["Resources"], **_guarded(present)}',
        '{**_guarded(present), **earlier["Resources"]}',
        "tests/infra/test_rollback.py",
    ),
    bug(
        "a rollback shortens the grace",
        "infra/aws/rollback.py",
        'wanted["Parameters"].keys() - bound',
        'wanted["Parameters"].keys()',
        "tests/infra/test_rollback.py",
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
    bug(
        "an address at the CDN opens every version",
        "cloud/chalicelib/aws/cdn_signer.py",
        """?versionId={quote(version_id, safe='-_.~')}\"""",
        '"',
        "tests/aws/test_cdn_signer.py",
    ),
    bug(
        "a signature that came out wrong leaves",
        "cloud/chalicelib/aws/cdn_signer.py",
        "        if pow(made, self.exponent, self.modulus) != number:\n",
        "        if False:\n",
        "tests/aws/test_cdn_signer.py",
    ),
)
