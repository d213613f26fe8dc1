"""`python -m edge_client` is `reelhaul`."""

import sys

from edge_client.cli import run

sys.exit(run())
