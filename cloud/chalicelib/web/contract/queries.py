"""What a query may ask, as types for the contract. `web/wire/queries` reads a query, by the same names."""

from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$", examples=["12.5"])]
FrameNumber = Annotated[int, Meta(ge=0, le=999_999_999_999_999)]


class Query(Struct, frozen=True, kw_only=True):
    """The parameters of a query: all of them can be left out."""


class MeasurementsQuery(Query, frozen=True, kw_only=True):
    """The query of what is about one measurements file."""

    artifact: Annotated[
        str | None,
        Meta(
            description="which measurements; needed where a session has several",
            examples=["measurements.frames.json"],
        ),
    ] = None


class FramesQuery(MeasurementsQuery, frozen=True, kw_only=True):
    """Which frames, in which form."""

    from_s: Seconds | None = None
    to_s: Seconds | None = None
    from_frame: FrameNumber | None = None
    to_frame: FrameNumber | None = None
    columns: Annotated[
        str | None, Meta(description="at most 50, with commas between them", examples=["papi_a,papi_b.angle"])
    ] = None
    limit: Annotated[int, Meta(ge=1, le=2000)] | None = None
    points: (
        Annotated[int, Meta(ge=1, le=1000, description="how many buckets at most; no `limit` then")] | None
    ) = None


class CursorQuery(Query, frozen=True, kw_only=True):
    """The query of a list that comes in pages."""

    cursor: Annotated[
        str | None, Meta(description="where the list continues, as the page before answered it")
    ] = None
