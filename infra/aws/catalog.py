"""The tables and views of the lake as resources of the stack, made of the columns that the core declares.

Athena finds files by partition projection: it computes the folders of the days itself, so nobody registers them. Each
table has a view of the same name without `_files`, in which each session is seen once; a view is a table of Glue whose
text Athena alone reads.
"""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.core.keys import LAKE
from chalicelib.core.measurements.columns import Column
from infra.lake import PARTITIONS, TABLES, TYPES, LakeTable

Resources = dict[str, Any]

_ACCOUNT = {"Ref": "AWS::AccountId"}
_DATABASE = {"Ref": "LakeDatabase"}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


def catalog(tables: Iterable[LakeTable] = TABLES) -> Resources:
    """The resources by their names in the template."""
    made: Resources = {}
    for table in tables:
        name = "".join(part.capitalize() for part in table.name.split("_"))
        made[f"Lake{name}Files"] = _resource(_files(table))
        made[f"Lake{name}"] = _resource(_view(table))
    return made


def _resource(table: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {"CatalogId": _ACCOUNT, "DatabaseName": _DATABASE, "TableInput": table},
    }


def _files(table: LakeTable) -> dict[str, Any]:
    """All files of a table, those of replaced revisions included."""
    return {
        "Name": table.files,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITIONS],
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.kind.type": "enum",
            "projection.kind.values": table.name,
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": {"Fn::Sub": "${LakeFirstDay},NOW"},
            "projection.dt.interval": "1",
            "projection.dt.interval.unit": "DAYS",
            # `${!…}` is Athena's placeholder, and none of CloudFormation's.
            "storage.location.template": {"Fn::Sub": f"s3://${{Bucket}}/{LAKE}kind=${{!kind}}/dt=${{!dt}}/"},
        },
        "StorageDescriptor": {
            "Columns": _columns(table.columns),
            "Location": {"Fn::Sub": f"s3://${{Bucket}}/{LAKE}kind={table.name}/"},
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def _columns(columns: Iterable[Column]) -> list[dict[str, str]]:
    return [{"Name": column.lake_name, "Type": TYPES[column.type].glue} for column in columns]


def _view(table: LakeTable) -> dict[str, Any]:
    """The view in the form that Athena's own CREATE VIEW leaves in Glue."""
    said = {
        "originalSql": table.view,
        "catalog": "awsdatacatalog",
        "schema": "${LakeDatabase}",
        "columns": [
            {"name": column.lake_name, "type": TYPES[column.type].athena} for column in table.view_columns
        ],
    }
    encoded = {"Fn::Base64": {"Fn::Sub": json.dumps(said, separators=(",", ":"))}}
    return {
        "Name": table.name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {"Columns": _columns(table.view_columns), "SerdeInfo": {}},
        "ViewOriginalText": {"Fn::Join": ["", ["/* Presto View: ", encoded, " */"]]},
        "ViewExpandedText": "/* Presto View */",
    }
