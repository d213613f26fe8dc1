import pytest

from chalicelib.core import artifact
from chalicelib.core.artifact import (
    Kind,
    kind_of,
    known_id,
    made_id,
    made_key,
    name_of,
    original_of,
    required_id,
    sidecar_id,
)
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import manifest_key, may_be_removed, session_of
from tests.support.builders import make_session_id

SESSION = make_session_id("match-17")
ORIGINAL = "original.100GOPRO.GX010038.MP4"


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("output.enhanced.mp4", Kind.OUTPUT, "enhanced.mp4"),
        ("measurements.lights.json.gz", Kind.MEASUREMENTS, "lights.json.gz"),
        ("intermediate.audio.wav", Kind.INTERMEDIATE, "audio.wav"),
        ("output.a", Kind.OUTPUT, "a"),
        ("output." + "a" * 99, Kind.OUTPUT, "a" * 99),
        ("output." + "a" * 100, Kind.OUTPUT, "a" * 100),
        ("output.a..b", Kind.OUTPUT, "a..b"),
    ],
)
def test_what_processors_make_has_a_kind_and_a_name(text: str, kind: Kind, name: str):
    assert (kind_of(made_id(text)), name_of(made_id(text))) == (kind, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "output",
        "output.",
        "output..a",
        "output.-a",
        "output.a/b",
        "output.a b",
        "output.a\n",
        "output.ä",
        "output." + "a" * 101,
        "Output.a",
        "lake.a",
        ".a",
        ORIGINAL,
    ],
)
def test_nothing_else_is_something_that_a_processor_makes(text: str):
    with pytest.raises(InvalidRequest, match=r"intermediate\.NAME or output\.NAME or measurements\.NAME"):
        made_id(text)


@pytest.mark.parametrize("text", ["output.a", "measurements.a"])
def test_outputs_and_measurements_can_be_required(text: str):
    assert required_id(text) == text


@pytest.mark.parametrize("text", ["intermediate.a", ORIGINAL, "output."])
def test_what_is_cleaned_can_never_be_required(text: str):
    with pytest.raises(InvalidRequest, match=r"output\.NAME or measurements\.NAME"):
        required_id(text)


@pytest.mark.parametrize("taken", [made_id, required_id, known_id])
def test_the_name_of_the_manifest_is_reserved_among_outputs(taken):
    with pytest.raises(InvalidRequest, match="the manifest itself"):
        taken("output.manifest.json")
    assert taken("measurements.manifest.json")
    assert taken("output.manifest.json.txt")


def test_a_chapters_original_is_known_beside_what_processors_make():
    assert known_id(ORIGINAL) == ORIGINAL
    assert known_id("intermediate.a") == "intermediate.a"
    assert artifact.is_original(ORIGINAL)
    assert not artifact.is_original("originals.a")
    with pytest.raises(InvalidRequest):
        known_id("originals.a")


@pytest.mark.parametrize(("kind", "text"), [(Kind.PROXY, "proxy"), (Kind.THUMBNAIL, "thumbnail")])
def test_a_sidecar_is_named_after_its_chapter_and_comes_from_a_device(kind: Kind, text: str):
    sidecar = sidecar_id(ArtifactId(ORIGINAL), kind)

    assert sidecar == f"{text}.100GOPRO.GX010038.MP4"
    assert (kind_of(sidecar), original_of(sidecar)) == (kind, ORIGINAL)
    assert known_id(sidecar) == sidecar
    assert artifact.is_sidecar(sidecar)
    assert artifact.is_of_a_device(sidecar)


@pytest.mark.parametrize("text", [ORIGINAL, "output.a", "proxies.a", "proxy", "sidecars.a"])
def test_nothing_else_is_a_sidecar(text: str):
    assert not artifact.is_sidecar(text)


@pytest.mark.parametrize("taken", [made_id, required_id])
@pytest.mark.parametrize("text", ["proxy.a", "thumbnail.a"])
def test_a_sidecar_is_neither_made_by_processors_nor_required(text: str, taken):
    with pytest.raises(InvalidRequest):
        taken(text)


def test_originals_and_sidecars_come_from_devices_and_nothing_else_does():
    assert artifact.is_of_a_device(ORIGINAL)
    assert not artifact.is_of_a_device("intermediate.a")


@pytest.mark.parametrize(
    ("text", "key", "is_removable"),
    [
        ("output.a.mp4", "outputs/main/match-17/3/a.mp4", False),
        ("measurements.a.json", "measurements/main/match-17/3/a.json", False),
        ("intermediate.a.wav", "intermediates/main/match-17/3/a.wav", True),
    ],
)
def test_what_an_order_makes_stands_below_its_number(text: str, key: str, is_removable: bool):
    assert made_key(SESSION, 3, ArtifactId(text)) == key
    assert may_be_removed(key) is is_removable
    assert session_of(key) == SESSION


def test_no_required_artifact_can_ever_be_removed():
    keys = [made_key(SESSION, 1, ArtifactId(f"{kind.value}.a")) for kind in artifact.REQUIRABLE]

    assert not any(map(may_be_removed, keys))


def test_no_output_stands_where_the_manifest_does():
    key = manifest_key(SESSION, 1)

    assert key == "outputs/main/match-17/1/manifest.json"
    assert made_key(SESSION, 1, ArtifactId("output.manifest.json")) == key


def test_another_orders_outputs_stand_elsewhere():
    assert len({made_key(SESSION, order, ArtifactId("output.a")) for order in (1, 2, 11)}) == 3
