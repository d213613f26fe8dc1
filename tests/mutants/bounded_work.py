"""Planted bugs in what keeps work and answers bounded."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
ANSWERS = ("tests/web/test_answers.py", "tests/core/test_measurements_ranges.py")

WORK = ("tests/core/test_measurements_work.py", "-k", "not gigabyte")

ATTEMPTS = ("tests/flows/test_index_attempts.py", "tests/core/settle/test_measurements.py")

COMPILED = ("tests/infra/test_compiled.py",)
STORAGE = ("tests/infra/test_storage_yaml.py",)

BOUNDED_WORK = (
    bug(
        "a block holds 300 frames of any length",
        f"{CORE}/measurements/indexing.py",
        " or held_bytes >= BLOCK_BYTES:",
        ":",
        "tests/core/test_measurements_indexing.py",
        "-k",
        "mebibyte",
    ),
    bug(
        "a number is a column before anybody counts them",
        f"{CORE}/measurements/kinds/generic.py",
        "        _demand_few(names - _FIELDS)\n",
        "",
        "tests/odd/test_documents.py",
        "-k",
        "others and numbers",
    ),
    bug(
        "long texts fill a group of the lake",
        f"{CORE}/measurements/lake.py",
        "texts * TEXT_COPIES",
        "texts",
        "tests/contracts/test_lake_contract.py",
        "-k",
        "large_texts",
    ),
    bug(
        "compiled files ask for the time of their sources",
        "infra/aws/compiled.py",
        '"--invalidation-mode", "unchecked-hash"',
        '"--invalidation-mode", "timestamp"',
        *COMPILED,
    ),
    bug(
        "anybody may write another bucket policy",
        "infra/aws/storage.yaml",
        "Action: [s3:PutBucketPolicy, s3:DeleteBucketPolicy, s3:PutEncryptionConfiguration]",
        "Action: [s3:DeleteBucketPolicy, s3:PutEncryptionConfiguration]",
        *STORAGE,
    ),
    bug(
        "every web page may use the bucket",
        "infra/aws/storage.yaml",
        'AllowedPattern: "((https://[a-z0-9]',
        'AllowedPattern: "(([*]|https://[a-z0-9]',
        *STORAGE,
    ),
    bug(
        "an attempt to index is counted once it has ended",
        "cloud/chalicelib/flows/actions/measurements.py",
        "    begun = save(ports, picture, session=session.attempting(receipt.version_id, ports.clock.now()))\n",
        "    begun = picture\n",
        *ATTEMPTS,
    ),
    bug(
        "a file is tried again for ever",
        f"{CORE}/settle/measurements.py",
        "if attempts and attempts.count >= MOST_ATTEMPTS:",
        "if attempts and attempts.count >= 2**31:",
        *ATTEMPTS,
    ),
    bug(
        "a file is given up while its last attempt may be running",
        f"{CORE}/settle/measurements.py",
        "        if not may_be_running:\n            yield Quarantine(",
        "        if attempts.last_at:\n            yield Quarantine(",
        *ATTEMPTS,
    ),
    bug(
        "indexing has no time limit",
        "cloud/chalicelib/flows/index_measurements.py",
        "if clock.now() >= deadline:",
        "if clock.now() is deadline:",
        *ATTEMPTS,
    ),
    bug(
        "the reconciler indexes files of any size",
        f"{CORE}/settle/measurements.py",
        "elif receipt.size_bytes <= INDEXED_IN_PASSING_BYTES and",
        "elif receipt.size_bytes and",
        *ATTEMPTS,
    ),
    bug(
        "a storage that asks for patience counts against the file",
        "cloud/chalicelib/flows/actions/measurements.py",
        "        _take_back(ports, begun, receipt)\n",
        "",
        *ATTEMPTS,
    ),
    bug(
        "blank lines of a measurements file cost nothing",
        f"{CORE}/measurements/text.py",
        "self._work.spend(_LINE_STEPS * len(lines))",
        "self._work.spend(_LINE_STEPS * sum(map(bool, lines)))",
        *WORK,
    ),
    bug(
        "brackets that are scanned cost nothing",
        f"{CORE}/measurements/text.py",
        "    work.spend(tokens)\n",
        "    work.spend(min(tokens, 1))\n",
        *WORK,
    ),
    bug(
        "any file may cost what the largest may",
        f"{CORE}/measurements/work.py",
        "self.most_steps = min(limits.first_steps + self._source_bytes * limits.steps_a_byte, limits.steps)",
        "self.most_steps = limits.steps",
        *WORK,
    ),
    bug(
        "an answer is counted in its own characters, not in Lambda's bytes",
        f"{CORE}/answers.py",
        "return len(json.dumps(body))",
        "return len(body)",
        *ANSWERS,
    ),
    bug(
        "an answer above what Lambda lets out is sent",
        "cloud/chalicelib/core/answers.py",
        "if size_bytes > MOST_BODY_BYTES:",
        "if size_bytes > 2 * MOST_BODY_BYTES:",
        *ANSWERS,
    ),
)
