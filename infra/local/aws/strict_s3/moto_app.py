"""moto as a WSGI application of this process: the one place that imports its server.

moto reads the smallest legal part from the environment when it is imported, never again; so whoever wants parts below
5 MiB sets PART_MINIMUM first, and finds out here, not by a puzzling EntityTooSmall, when moto was imported too early.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from infra.local.aws.moto.answers import write_items_as_they_are
from infra.local.aws.moto.partitions import query_one_partition
from infra.local.aws.moto.ranges import read_ranges_where_they_lie
from infra.local.aws.moto.sizes import count_sizes_once
from infra.local.aws.moto.transactions import copy_only_named_items

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PART_MINIMUM = "S3_UPLOAD_PART_MIN_SIZE"  # moto's own name, in bytes
S3_PART_MINIMUM_BYTES = 5 * 1024 * 1024

# Up to here an object stays in memory, above it goes to an unnamed temporary file; moto derives a useless negative
# limit from a tiny PART_MINIMUM, which would send every byte to the disk.
BUFFER_VARIABLE = "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"
BUFFER_BYTES = 32 * 1024 * 1024


class ImportedTooEarly(Exception):
    """moto was imported before the wanted minimum part size was in the environment."""


def part_minimum_bytes() -> int:
    """The smallest legal part that is not the last of its upload."""
    return int(os.environ.get(PART_MINIMUM, S3_PART_MINIMUM_BYTES))


def forget_copies() -> None:
    """Drop every table and item of DynamoDB that moto holds for its dashboard; those that are stored stay."""
    from moto.core.model_instances import model_data

    for model in model_data["dynamodb"].values():
        model.instances_tracked = []  # type: ignore[attr-defined]  # given by moto's metaclass


def moto_app() -> WSGIApplication:
    """All of moto's services at one address; their state is that of the process. Raises ImportedTooEarly."""
    os.environ.setdefault(BUFFER_VARIABLE, str(BUFFER_BYTES))
    from moto import settings
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    wanted = part_minimum_bytes()
    if wanted != settings.S3_UPLOAD_PART_MIN_SIZE:
        raise ImportedTooEarly(
            f"moto took {settings.S3_UPLOAD_PART_MIN_SIZE} bytes, {PART_MINIMUM} says {wanted}"
        )
    copy_only_named_items()
    write_items_as_they_are()
    count_sizes_once()
    query_one_partition()
    read_ranges_where_they_lie()
    moto: Any = DomainDispatcherApplication(create_backend_app)
    # moto lists its own folder for each request to find which service has the host.
    moto.get_backend_for_host = lru_cache(maxsize=64)(moto.get_backend_for_host)
    app: WSGIApplication = moto
    return app
