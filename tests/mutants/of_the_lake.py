"""Planted bugs in what is made of measurements: the lake's files, and the removal of old revisions."""

from tests.mutants.mutant import Edit, Mutant, bug

ATTEMPTS = "cloud/chalicelib/flows/actions/measurements.py"

OF_THE_LAKE: tuple[Mutant, ...] = (
    bug(
        "an index's storage removes whatever it is told",
        "cloud/chalicelib/aws/frame_index.py",
        "        if not may_be_replaced(key):\n",
        "        if not key:\n",
        "tests/contracts/test_frame_index_contract.py",
        "-k",
        "ever_removed",
    ),
    bug(
        "all prefixes may be removed as old revisions",
        "cloud/chalicelib/core/keys.py",
        "    return key.startswith(REPLACED)\n",
        "    return key.startswith((*REPLACED, *OF_SESSIONS))\n",
        "tests/core/test_keys.py",
    ),
    bug(
        "rows of the lake lie in the order of the file",
        "cloud/chalicelib/core/measurements/lake.py",
        "    order = sorted(range(len(times)), key=times.__getitem__)\n",
        "    order = list(range(len(times)))\n",
        "tests/contracts/test_lake_contract.py",
    ),
    Mutant(
        "a layer that is missing puts good files into quarantine",
        (
            Edit(ATTEMPTS, "    ports.lake.demand_writer()\n", ""),
            Edit(ATTEMPTS, "    except (StorageBusy, LakeWriterMissing):\n", "    except StorageBusy:\n"),
        ),
        ("tests/flows/test_index_attempts.py", "-k", "layer"),
    ),
    bug(
        "a missing layer is found after the attempt is on record",
        ATTEMPTS,
        "    ports.lake.demand_writer()\n",
        "",
        "tests/flows/test_index_attempts.py",
        "-k",
        "layer",
    ),
    bug(
        "a question sees a session twice while its revision is replaced",
        "infra/lake.py",
        'joined = " AND ".join(f"f.{name} = latest.{name}" for name in (*_MEASUREMENTS, "revision"))',
        'joined = " AND ".join(f"f.{name} = latest.{name}" for name in _MEASUREMENTS)',
        "tests/infra/admin/test_local_lake.py",
        "-k",
        "latest_revision",
    ),
    bug(
        "a question sees the revision that was measured first",
        "infra/lake.py",
        "max_by(revision, measured_at)",
        "min_by(revision, measured_at)",
        "tests/infra/admin/test_local_lake.py",
        "-k",
        "latest_revision",
    ),
    bug(
        "the query command passes on what drops a table",
        "infra/admin/lake.py",
        'if begins is None or begins["word"] not in _READS or',
        "if begins is None or",
        "tests/infra/admin/test_query.py",
        "-k",
        "all_else_is_refused",
    ),
    bug(
        "the query command passes on a second statement",
        "infra/admin/lake.py",
        '    if ";" in tokens:\n',
        "    if False:\n",
        "tests/infra/admin/test_query.py",
        "-k",
        "two_statements",
    ),
    bug(
        "a question to the local lake reads any file of the machine",
        "infra/admin/local_lake.py",
        '    connection.execute("SET enable_external_access = false")\n',
        "",
        "tests/infra/admin/test_local_lake.py",
        "-k",
        "other_files",
    ),
    bug(
        "Ctrl-C leaves a query running in Athena",
        "infra/admin/athena.py",
        "            self._stop(query_id)\n",
        "",
        "tests/infra/admin/test_athena.py",
        "-k",
        "ctrl_c",
    ),
    bug(
        "a lifecycle rule on answers ends current outputs",
        "infra/aws/storage.yaml",
        "            Prefix: queries/\n",
        "            Prefix: outputs/\n",
        "tests/infra/test_storage_yaml.py",
    ),
)
