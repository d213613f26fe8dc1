"""What a query may ask, as types for the contract. `web/wire/queries` reads a query, by the same names."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Seconds = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$", examples=["12.5"])]
FrameNumber = Annotated[int, Meta(ge=0, le=999_999_999_999_999)]


MeasurementsId = Annotated[
    str,
    Meta(
        description="which measurements; needed where a session has several",
        pattern=r"^measurements\.[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        examples=["measurements.frames.json"],
    ),
]


class Query(Struct, frozen=True, kw_only=True):
    """The parameters of a query: all of them can be left out."""


class MeasurementsQuery(Query, frozen=True, kw_only=True):
    """The query of what is about one measurements file."""

    artifact: MeasurementsId | None = None


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


class PageQuery(CursorQuery, frozen=True, kw_only=True):
    """The query of a list whose pages may be of any size."""

    limit: (
        Annotated[int, Meta(ge=1, le=100, description="how many to answer at most; 50 without it")] | None
    ) = None


class SessionsQuery(PageQuery, frozen=True, kw_only=True):
    """Which sessions of a project; together they narrow the list."""

    state: Literal["OPEN", "STORED", "PROCESSED", "CLEANED", "FAILED"] | None = None
    device: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$", examples=["d_7Qm"])] | None = None
    camera: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,40}$", examples=["C3501324500711"])] | None = None
    group: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,100}$", examples=["match-17"])] | None = None
    text: (
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="part of the name, in any case")]
        | None
    ) = None
    created_from: (
        Annotated[str, Meta(description="a day or a time; it is in", examples=["2026-11-21"])] | None
    ) = None
    created_to: (
        Annotated[str, Meta(description="a day or a time; it is out", examples=["2026-11-22T00:00:00Z"])]
        | None
    ) = None


Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-11-21"])]


class StatisticsQuery(Query, frozen=True, kw_only=True):
    """Which sessions: those of a device, and those created on these days (UTC), both included."""

    device: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$", examples=["d_7Qm"])] | None = None
    first_day: Day | None = None
    last_day: Day | None = None
