"""All tables of the lake: one of frames for each kind, and those that sum frames up."""

from collections.abc import Mapping

from chalicelib.core.measurements import papi_summary
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.lake import Table, frames_table

TABLES: Mapping[str, Table] = {
    table.name: table for table in (*map(frames_table, KINDS.values()), papi_summary.TABLE)
}
"""By the name that their keys have."""
