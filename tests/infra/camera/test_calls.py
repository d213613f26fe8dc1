"""The camera's calls: list, state, info, clock, control."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from infra.local.camera import (
    ABSENT,
    Camera,
    Card,
    CardFile,
    Directory,
    Habits,
    HardwareInfo,
    Storage,
    VirtualContent,
    burst,
    card_with,
    chapter_path,
    photo,
    recording,
    sphere,
    with_twins,
)
from tests.infra.raw_http import ask, connect, receive

LIST = "/gopro/media/list"
INFO = "/gopro/media/info?path=100GOPRO/GX010038.MP4"
CONTROL = "/gopro/camera/control/wired_usb?p=1"
HUGE = 11_794_645_144
NOON_UTC = 1_790_000_405  # 21 September 2026, 13:20:05


def crowded_card() -> Card:
    chapters = with_twins(*recording(38, [20_000, HUGE]))
    first = Directory("100GOPRO", (*chapters, photo("GOPR0039.JPG", 5_000), burst(1, 40, 69, 1_000)))
    raw = photo("GOPR0071.JPG", 10, raw=True)
    second = Directory("101GOPRO", (sphere(70, 9_000), raw, *recording(72, [30_000])))
    return Card((first, second))


@pytest.fixture
def camera():
    with Camera(crowded_card(), now_s=lambda: NOON_UTC) as running:
        yield running


def listed(camera: Camera) -> Any:
    return ask(camera, LIST).json()["media"]


def test_the_list_holds_every_directory_with_its_files_in_order(camera):
    names = {entry["d"]: [file["n"] for file in entry["fs"]] for entry in listed(camera)}

    assert names == {
        "100GOPRO": ["GX010038.MP4", "GX020038.MP4", "GOPR0039.JPG", "G0010040.JPG"],
        "101GOPRO": ["GS010070.360", "GOPR0071.JPG", "GX010072.MP4"],
    }


def test_every_scalar_of_the_list_is_a_string(camera):
    document = ask(camera, LIST).json()

    scalars = [document["id"]]
    scalars += [
        value for entry in document["media"] for file in entry["fs"] for value in file.values() if value != []
    ]
    assert {type(scalar) for scalar in scalars} == {str}


def test_a_chapter_is_listed_with_its_whole_size_and_its_low_resolution_twin(camera):
    chapter = listed(camera)[0]["fs"][1]

    assert chapter == {
        "n": "GX020038.MP4",
        "cre": "1656932423",
        "mod": "1656932423",
        "glrv": str(HUGE // 48),
        "ls": "-1",
        "s": str(HUGE),
    }


def test_each_kind_of_file_has_its_own_members_in_the_list(camera):
    (_, _, picture, group), (film, raw, _) = (entry["fs"] for entry in listed(camera))

    assert picture.keys() == {"n", "cre", "mod", "s"}
    assert raw.keys() == {"n", "cre", "mod", "raw", "s"}
    assert film.keys() == {"n", "cre", "mod", "ls", "s"}
    assert {name: group[name] for name in "gblstm"} == {
        "g": "1",
        "b": "40",
        "l": "69",
        "s": "30000",
        "t": "b",
        "m": [],
    }


def test_an_unsorted_card_lists_the_same_files_in_another_order():
    card = card_with(*recording(38, [20_000] * 8))

    with Camera(card.unsorted(seed=1)) as camera:
        names = [file["n"] for file in listed(camera)[0]["fs"]]

    assert names != sorted(names)
    assert sorted(names) == [file.name for _, file in card.files()]


def test_a_card_exchanged_in_mid_use_is_the_one_that_answers(camera):
    grown = replace(crowded_card().files()[0][1], content=VirtualContent(20_001))

    camera.card = camera.card.with_file("100GOPRO", grown)

    assert ask(camera, chapter_path("GX010038.MP4"), "HEAD").header("Content-Length") == "20001"
    assert listed(camera)[0]["fs"][0]["s"] == "20001"


def test_the_state_has_string_ids_and_says_that_the_camera_is_ready(camera):
    status = ask(camera, "/gopro/camera/state").json()["status"]

    assert [status[number] for number in ("82", "8", "10", "33", "113", "116")] == [1, 0, 0, 0, 0, 0]
    assert (status["38"], status["39"]) == (3, 4)


def test_the_state_says_how_much_of_the_card_its_files_take(camera):
    def used_kib() -> int:
        status = ask(camera, "/gopro/camera/state").json()["status"]
        return int(status["117"]) - int(status["54"])

    taken = camera.card.used_bytes
    assert used_kib() == taken // 1024
    assert taken == sum(file.size_bytes for _, file in camera.card.files())

    hidden = replace(recording(99, [5 * 1024])[0], listed=False)
    camera.card = Card((*camera.card.directories, Directory("102GOPRO", (hidden,))))
    assert camera.card.used_bytes - taken == 5 * 1024


def test_the_state_says_what_it_is_told_to_or_nothing(camera):
    camera.state.says = {"39": "many", "54": ABSENT, "117": -1}
    status = ask(camera, "/gopro/camera/state").json()["status"]

    assert (status["39"], "54" in status, status["117"]) == ("many", False, -1)


def test_an_entry_of_the_list_says_what_it_is_told_to_and_the_file_is_served_all_the_same(camera):
    film = replace(recording(38, [20_000])[0], name="caf\udce9.MP4", listed_as=(("s", ABSENT), ("cre", None)))
    camera.card = card_with(film)

    reply = ask(camera, LIST)

    assert b'{"n":"caf\xe9.MP4","cre":null,"mod":' in reply.body
    assert b'"s":' not in reply.body
    assert ask(camera, "/videos/DCIM/100GOPRO/caf%E9.MP4", "HEAD").header("Content-Length") == "20000"


def test_the_state_follows_what_is_set(camera):
    camera.state.storage, camera.state.battery_percent, camera.state.overheating = Storage.REMOVED, 3, True

    status = ask(camera, "/gopro/camera/state").json()["status"]

    assert (status["33"], status["70"], status["6"]) == (2, 3, 1)


@pytest.mark.parametrize(
    "path",
    [LIST, INFO, chapter_path("GX010038.MP4")],
)
def test_a_camera_that_records_answers_media_calls_with_busy(camera, path):
    camera.state.encoding = True

    reply = ask(camera, path)

    assert (reply.status, reply.body) == (503, b'{"message":"Camera is busy"}')


def test_a_camera_that_records_still_tells_its_state(camera):
    camera.state.encoding = True

    status = ask(camera, "/gopro/camera/state").json()["status"]

    assert (status["8"], status["10"]) == (1, 1)


def test_turbo_goes_on_and_off_and_shows_in_the_state(camera):
    shown = []
    for wanted in "10":
        assert ask(camera, f"/gopro/media/turbo_transfer?p={wanted}").status == 200
        shown.append(ask(camera, "/gopro/camera/state").json()["status"]["113"])

    assert shown == [1, 0]


@pytest.mark.parametrize("path", ["/gopro/media/turbo_transfer", "/gopro/camera/control/wired_usb?p=2"])
def test_a_switch_without_a_position_is_a_bad_request(camera, path):
    assert ask(camera, path).status == 400


def test_usb_control_shows_in_the_state(camera):
    ask(camera, CONTROL)

    assert ask(camera, "/gopro/camera/state").json()["status"]["116"] == 1


@pytest.mark.parametrize(("size", "said"), [(2**32 - 1, 2**32 - 1), (2**32, 0), (2**32 + 1, 1)])
def test_the_size_in_media_info_wraps_at_four_gibibytes(size, said):
    with Camera(card_with(CardFile("GX010001.MP4", VirtualContent(size)))) as camera:
        info = ask(camera, "/gopro/media/info?path=100GOPRO/GX010001.MP4").json()

    assert info["s"] == str(said)


def test_media_info_counts_in_utc_where_the_list_has_wall_time(camera):
    info = ask(camera, INFO).json()

    assert int(listed(camera)[0]["fs"][0]["cre"]) - int(info["cre"]) == 3600
    assert (info["ct"], info["dur"], info["fps"], info["fps_denom"]) == ("2", "60", "30000", "1001")
    assert len(info["gumi"]) == 32


def test_no_two_chapters_have_the_same_unique_id(camera):
    paths = [f"{directory}/{file.name}" for directory, file in camera.card.files()]

    ids = {ask(camera, f"/gopro/media/info?path={path}").json()["gumi"] for path in paths}

    assert len(ids) == len(paths)


def test_a_file_may_have_a_unique_id_of_its_own(camera):
    directory, file = camera.card.files()[0]
    camera.card = camera.card.with_file(directory, replace(file, gumi="2f3a"))

    assert ask(camera, f"/gopro/media/info?path={directory}/{file.name}").json()["gumi"] == "2f3a"


def test_some_models_exchange_the_two_numbers_of_the_frame_rate():
    file = CardFile("GX010001.MP4", VirtualContent(1), fps=Fraction(60_000, 1001))

    with Camera(card_with(file), habits=Habits(inverts_fps=True)) as camera:
        info = ask(camera, "/gopro/media/info?path=100GOPRO/GX010001.MP4").json()

    assert (info["fps"], info["fps_denom"]) == ("1001", "60000")


def test_a_file_may_have_no_media_info():
    with Camera(card_with(CardFile("GX020163.MP4", VirtualContent(1), has_info=False))) as camera:
        assert ask(camera, "/gopro/media/info?path=100GOPRO/GX020163.MP4").status == 404
        assert ask(camera, chapter_path("GX020163.MP4")).status == 200


def test_the_hardware_info_names_the_camera(camera):
    info = ask(camera, "/gopro/camera/info").json()

    assert (info["serial_number"], info["model_name"]) == ("C3501324500711", "HERO12 Black")
    assert info["firmware_version"] == "H23.01.02.32.00"


def test_some_firmware_nests_the_hardware_info():
    with Camera(crowded_card(), habits=Habits(hardware_info=HardwareInfo.NESTED)) as camera:
        assert ask(camera, "/gopro/camera/info").json()["info"]["serial_number"] == "C3501324500711"


@pytest.mark.parametrize(
    "path",
    [
        "/gopro/camera/info",
        "/gopro/camera/get_date_time",
        "/gopro/media/last_captured",
        CONTROL,
    ],
)
def test_an_old_model_does_not_know_the_newer_calls(path):
    old = Habits(HardwareInfo.ABSENT, knows_date=False, knows_last_captured=False, knows_wired_usb=False)

    with Camera(crowded_card(), habits=old) as camera:
        assert ask(camera, path).body == b"Error 404: Not Found\nNot found"


def test_the_clock_is_wall_time_without_leading_zeros(camera):
    document = ask(camera, "/gopro/camera/get_date_time").json()

    assert document == {"date": "2026_9_21", "time": "15_20_5", "dst": 0, "tzone": 60}


def test_the_last_captured_file_is_the_newest(camera):
    assert ask(camera, "/gopro/media/last_captured").json() == {"folder": "100GOPRO", "file": "GX020038.MP4"}


def test_an_empty_card_has_an_empty_list_and_no_last_file():
    with Camera(Card()) as camera:
        assert listed(camera) == []
        assert ask(camera, "/gopro/media/last_captured").status == 204


@pytest.mark.parametrize(
    "path",
    [
        "/gopro/media/delete/file?path=100GOPRO/GX010038.MP4",
        "/gopro/media/delete/all",
        "/gp/gpControl/command/storage/delete/all",
        "/gp/gpControl/command/storage/delete/group?p=/100GOPRO/GX010038.MP4",
        "/gp/gpControl/command/storage/delete?p=/100GOPRO/GX010038.MP4",
    ],
)
def test_a_deleting_call_is_counted_and_deletes_nothing(camera, path):
    before = listed(camera)

    ask(camera, path)

    assert camera.deletes == [path.partition("?")[0]]
    assert listed(camera) == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(camera, method):
    assert ask(camera, LIST, method).status == 405


@pytest.mark.parametrize(
    "noise", [b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET //[ HTTP/1.1\r\n\r\n", b"\xff\xfe"]
)
def test_noise_is_given_nothing_and_ends_nothing_but_its_connection(camera, noise):
    with connect(camera) as connection:
        connection.sendall(noise)
        connection.shutdown(1)
        received, _ = receive(connection)

    assert not received.startswith(b"HTTP/1.1 2")
    assert ask(camera, "/gopro/camera/state").status == 200


class TestSchema:
    def test_the_list_satisfies_the_schema_of_the_wire(self, camera):
        schema = json.loads(Path(__file__).with_name("media_list.wire.schema.json").read_text())

        jsonschema.validate(ask(camera, LIST).json(), schema)

    @pytest.mark.parametrize("name", ["opengopro_py_media_list.json", "opengopro_py_media_list_360.json"])
    def test_our_items_have_the_members_of_real_ones(self, camera, media_lists: Path, name: str):
        real = json.loads((media_lists / name).read_text())
        ours = {kind_of(file): file.keys() for entry in listed(camera) for file in entry["fs"]}

        known = [file for entry in real["media"] for file in entry["fs"] if kind_of(file) in ours]

        assert known
        assert [file for file in known if ours[kind_of(file)] != file.keys()] == []


def kind_of(file: dict[str, Any]) -> tuple[str, bool, bool]:
    return file["n"].rpartition(".")[2], "g" in file, "raw" in file
