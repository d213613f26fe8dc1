"""The lake's tables and views in the stack: their columns, their projection, and what Athena reads of a view."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.core.keys import LAKE
from infra.aws import catalog, template
from infra.lake import TABLES, TYPES, LakeTable
from tests.infra.projection import faults
from tests.infra.test_storage_yaml import NAMES

WHOLE = template.load()
KNOWN = {**NAMES, "LakeDatabase": "reelhaul_prod"}

of_every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def glue_tables(**parameters: str) -> dict[str, Any]:
    """What Glue is told of each table, by its name."""
    found = [
        template.resolved(resource["Properties"], WHOLE, {**KNOWN, **parameters})
        for resource in WHOLE["Resources"].values()
        if resource["Type"] == "AWS::Glue::Table"
    ]
    assert {(each["DatabaseName"], each["CatalogId"]) for each in found} == {
        ("reelhaul_prod", "123456789012")
    }
    return {each["TableInput"]["Name"]: each["TableInput"] for each in found}


def columns(table: Mapping[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}


def presto(view: Mapping[str, Any]) -> Any:
    """What Athena reads of a view."""
    found = re.fullmatch(r"/\* Presto View: (\S+) \*/", view["ViewOriginalText"])
    assert found
    return json.loads(base64.b64decode(found[1], validate=True))


def test_each_kind_has_a_table_of_files_and_a_view():
    names = {table.name for table in TABLES}

    assert {"papi", "generic", "papi_summary"} <= names
    assert set(glue_tables()) == names | {f"{name}_files" for name in names}


@of_every_table
def test_glue_has_the_columns_that_the_core_declares(table: LakeTable):
    declared = {column.lake_name: TYPES[column.type].glue for column in table.columns}

    assert columns(glue_tables()[table.files]) == declared
    assert columns(glue_tables()[table.name]) == {**declared, "dt": "string"}


@of_every_table
def test_athena_projects_the_files_of_a_table_by_its_grammar(table: LakeTable):
    assert faults(glue_tables()[table.files]) == []


@of_every_table
def test_the_only_partitions_are_the_kind_and_the_day_and_neither_is_a_column_of_the_files(table: LakeTable):
    found = glue_tables()[table.files]

    assert [key["Name"] for key in found["PartitionKeys"]] == ["kind", "dt"]
    assert not {"kind", "dt"} & columns(found).keys()
    assert found["Parameters"]["projection.kind.values"] == table.name


def test_the_first_day_is_a_parameter():
    found = glue_tables(LakeFirstDay="2024-05-01")["papi_files"]["Parameters"]

    assert found["projection.dt.range"] == "2024-05-01,NOW"
    assert found["storage.location.template"] == "s3://footage/lake/kind=${kind}/dt=${dt}/"


@pytest.mark.parametrize(
    ("day", "taken"),
    [("2018-01-01", True), ("2018-12-31", True), ("2018-13-01", False), ("2018-1-1", False), ("NOW", False)],
)
def test_the_first_day_is_a_date(day: str, taken: bool):
    assert bool(re.fullmatch(WHOLE["Parameters"]["LakeFirstDay"]["AllowedPattern"], day)) is taken


def test_answers_lie_outside_of_every_table():
    answers = template.resolved(WHOLE["Resources"]["LakeWorkGroup"]["Properties"], WHOLE, KNOWN)
    where = answers["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"]
    locations = [table["StorageDescriptor"].get("Location") for table in glue_tables().values()]

    assert {each for each in locations if each} == {
        f"s3://footage/{LAKE}kind={table.name}/" for table in TABLES
    }
    assert not any(where.startswith(each) or each.startswith(where) for each in locations if each)


@of_every_table
def test_a_view_is_read_by_athena_as_its_sql_in_its_database(table: LakeTable):
    found = glue_tables()[table.name]
    said = presto(found)

    assert (found["TableType"], found["Parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
    assert (said["catalog"], said["schema"], said["originalSql"]) == (
        "awsdatacatalog",
        "reelhaul_prod",
        table.view,
    )
    assert [each["name"] for each in said["columns"]] == list(columns(found))
    assert [each["type"] for each in said["columns"]] == [
        TYPES[column.type].athena for column in table.view_columns
    ]


def test_every_type_is_known_to_each_engine():
    assert {type_ for table in TABLES for type_ in (column.type for column in table.columns)} <= TYPES.keys()


def test_the_whole_template_fits_into_one_call_of_cloudformation():
    assert len(template.as_text(WHOLE).encode()) <= template.LARGEST_BYTES


def test_no_name_of_a_resource_is_taken_twice():
    assert not catalog.catalog().keys() & {"Bucket", "Table", "LakeDatabase", "LakeWorkGroup"}
    assert len(catalog.catalog()) == 2 * len(TABLES)


RIGHT: dict[str, Any] = {
    "PartitionKeys": [
        {"Name": "kind", "Type": "string"},
        {"Name": "dt", "Type": "string"},
        {"Name": "hour", "Type": "int"},
        {"Name": "who", "Type": "string"},
    ],
    "Parameters": {
        "projection.enabled": "true",
        "projection.kind.type": "enum",
        "projection.kind.values": "papi,generic",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": "2018-01-01,NOW+1DAYS",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
        "projection.who.type": "injected",
        "storage.location.template": "s3://b/lake/kind=${kind}/dt=${dt}/${hour}/${who}/",
    },
    "StorageDescriptor": {"Location": "s3://b/lake/"},
}


def changed(**properties: Any) -> dict[str, Any]:
    """A table that is right but for these properties; `__` is a dot, and None takes one away."""
    given = {name.replace("__", "."): value for name, value in properties.items()}
    kept = {name: value for name, value in {**RIGHT["Parameters"], **given}.items() if value is not None}
    return {**RIGHT, "Parameters": kept}


def test_a_table_of_all_four_projections_is_right():
    assert faults(RIGHT) == []


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        ({"projection__enabled": "false"}, "not true"),
        ({"projection__enabled": None}, "not true"),
        ({"projection__enabled": True}, "projection.enabled is not text"),
        ({"projection__kind__type": None}, "projection.kind.type is ''"),
        ({"projection__kind__type": "enumeration"}, "none of enum, integer, date, injected"),
        ({"projection__kind__values": None}, "empty"),
        ({"projection__kind__values": "papi,,generic"}, "empty"),
        ({"projection__kind__values": "papi, generic"}, "white space"),
        ({"projection__kind__values": "papi,papi"}, "twice"),
        ({"projection__kind__range": "1,2"}, "says nothing to enum"),
        ({"projection__kinds__values": "papi"}, "not a partition key"),
        ({"projection__dt__formats": "yyyy"}, "not a property"),
        ({"projection__dt__format": None}, "format"),
        ({"projection__dt__format": "yyyy-MM-DD"}, "format"),
        ({"projection__dt__format": "%Y-%m-%d"}, "format"),
        ({"projection__dt__format": "dd.MM"}, "format"),
        ({"projection__dt__range": None}, "two dates"),
        ({"projection__dt__range": "2018-01-01"}, "two dates"),
        ({"projection__dt__range": "2018-01-01,TODAY"}, "neither yyyy-MM-dd nor NOW"),
        ({"projection__dt__range": "2018-01-01,now"}, "neither"),
        ({"projection__dt__range": "2018/01/01,NOW"}, "neither"),
        ({"projection__dt__range": "2018-1-1,NOW"}, "neither"),
        ({"projection__dt__range": "2018-02-30,NOW"}, "neither"),
        ({"projection__dt__range": "NOW-3FORTNIGHTS,NOW"}, "neither"),
        ({"projection__dt__range": "NOW-3,NOW"}, "neither"),
        ({"projection__dt__range": "2019-01-01,2018-01-01"}, "ascend"),
        ({"projection__dt__interval": "0", "projection__dt__interval__unit": "DAYS"}, "above 0"),
        ({"projection__dt__interval": "1", "projection__dt__interval__unit": "DAILY"}, "interval.unit"),
        ({"projection__dt__interval": "1"}, "go together"),
        (
            {"projection__dt__format": "yyyy-MM-dd-HH", "projection__dt__range": "2018-01-01-00,NOW"},
            "finer than a day",
        ),
        ({"projection__hour__range": "0-23"}, "two whole numbers"),
        ({"projection__hour__range": "23,0"}, "ascend"),
        ({"projection__hour__range": f"0,{2**63}"}, "ascend"),
        ({"projection__hour__digits": "0"}, "digits"),
        ({"projection__hour__values": "1,2"}, "says nothing to integer"),
        ({"storage__location__template": None}, "missing"),
        ({"storage__location__template": "s3://b/lake/kind=${kind}/dt=${dt}/${who}/"}, "no ${hour}"),
        (
            {"storage__location__template": "s3://b/lake/${kind}/${dt}/${hour}/${who}/${session}/"},
            "not a partition key",
        ),
        ({"storage__location__template": "s3://b/lake/${kind}/${dt}/${hour}/${who}"}, "not a folder"),
        ({"storage__location__template": "s3://b/other/${kind}/${dt}/${hour}/${who}/"}, "leads out"),
    ],
)
def test_what_athena_would_refuse_is_found(properties: Mapping[str, Any], fault: str):
    found = faults(changed(**properties))

    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    "properties",
    [
        {"projection__dt__range": "NOW-3YEARS,NOW"},
        {"projection__dt__range": "NOW - 1 MONTH, NOW + 2 HOURS"},
        {"projection__dt__interval": "1", "projection__dt__interval__unit": "DAYS"},
        {"projection__dt__format": "yyyy/MM/dd", "projection__dt__range": "2018/01/01,NOW"},
        {"projection__kind__type": " ENUM "},
    ],
)
def test_what_athena_takes_is_right(properties: Mapping[str, str | None]):
    assert faults(changed(**properties)) == []


def test_a_day_that_is_no_text_in_glue_is_found():
    keys = [{**key, "Type": "date"} if key["Name"] == "dt" else key for key in RIGHT["PartitionKeys"]]

    assert faults({**RIGHT, "PartitionKeys": keys}) == ["dt is date, and a projection of date makes text"]


def test_a_key_without_a_projection_is_found():
    keys = [*RIGHT["PartitionKeys"], {"Name": "device", "Type": "string"}]

    assert any("projection.device.type" in each for each in faults({**RIGHT, "PartitionKeys": keys}))
