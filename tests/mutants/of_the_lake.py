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
)
