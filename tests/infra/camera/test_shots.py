"""Cards with all that cameras write on them, and with films that are broken."""

import pytest

from infra.local.camera import (
    Camera,
    Card,
    CardFile,
    Clipped,
    Directory,
    Inserted,
    Patched,
    VirtualContent,
    burst_photos,
    card_with,
    chapter_path,
    cut_short,
    loop,
    old_recording,
    opaque,
    other_card,
    photo,
    recording,
    repaired,
    sphere,
    spheres,
    trailed,
    unfinished,
    with_proxies,
    with_twins,
)
from infra.local.gopro_file import BrokenFile, Content, header_of, inspected
from tests.infra.raw_http import ask

LIST = "/gopro/media/list"
CONTENT = VirtualContent(1000)


def names(card: Card) -> list[str]:
    with Camera(card) as camera:
        return [file["n"] for folder in ask(camera, LIST).json()["media"] for file in folder["fs"]]


def content_type(*files: CardFile) -> str:
    with Camera(card_with(*files)) as camera:
        info = ask(camera, f"/gopro/media/info?path=100GOPRO/{files[0].name}").json()
    return str(info["ct"])


@pytest.mark.parametrize(
    ("films", "expected"),
    [
        (recording(38, [1000, 1000]), ["GX010038.MP4", "GX020038.MP4"]),
        (recording(38, [1000], prefix="GH"), ["GH010038.MP4"]),
        (recording(38, [1000], prefix="SX"), ["SX010038.MP4"]),
        (recording(38, [1000], prefix="CamA-20261125-GX"), ["CamA-20261125-GX010038.MP4"]),
        (old_recording(38, [1000] * 3), ["GOPR0038.MP4", "GP010038.MP4", "GP020038.MP4"]),
        (loop("AB", 9998, [1000, 1000]), ["GXAB9998.MP4", "GXAB9999.MP4"]),
        (spheres(7, [1000, 1000]), ["GS010007.360", "GS020007.360"]),
    ],
)
def test_films_have_the_names_that_cameras_give_them_and_are_whole(films, expected):
    assert [film.name for film in films] == expected == names(card_with(*films))
    assert {inspected(film.content).header.serial for film in films} == {"C3501324500711"}


def test_no_two_films_of_a_recording_hold_the_same_bytes():
    films = (*recording(38, [5000, 5000]), *old_recording(39, [5000, 5000]), *spheres(40, [5000, 5000]))

    assert len({film.sha256() for film in films}) == 6


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (recording(38, [1000]), "0"),
        (loop("AA", 1, [1000, 1000]), "1"),
        (recording(38, [1000, 1000]), "2"),
        (old_recording(38, [1000, 1000]), "2"),
        (recording(38, [1000, 1000], prefix="CamA-GX"), "2"),
        ((*recording(38, [1000]), *recording(39, [1000])), "0"),
        ((photo("GOPR0001.JPG", 10),), "4"),
    ],
)
def test_media_info_tells_the_kinds_apart(files, said):
    assert content_type(*files) == said


def test_twins_are_served_and_not_listed():
    card = card_with(*with_twins(*recording(38, [96_000])))

    with Camera(card) as camera:
        assert names(card) == ["GX010038.MP4"]
        assert len(ask(camera, chapter_path("GL010038.LRV")).body) == 2000
        assert ask(camera, chapter_path("GX010038.THM")).status == 200
        assert ask(camera, "/gopro/camera/state").json()["status"]["38"] == 0


def test_proxies_of_labs_firmware_are_served_from_their_own_folder():
    card = card_with(*with_proxies(*recording(38, [96_000])))

    with Camera(card) as camera:
        assert names(card) == ["GX010038.MP4"]
        assert len(ask(camera, chapter_path("Proxies/GX010038_Proxy.MP4")).body) == 2000
        assert ask(camera, "/gopro/camera/state").json()["status"]["39"] == 1


def test_a_burst_is_listed_as_one_and_served_as_many():
    card = card_with(*burst_photos(1, 40, 42, 500))

    with Camera(card) as camera:
        [listed] = ask(camera, LIST).json()["media"][0]["fs"]
        bodies = [ask(camera, chapter_path(f"G001004{n}.JPG")).body for n in (0, 1, 2)]

    assert (listed["n"], listed["b"], listed["l"], listed["s"]) == ("G0010040.JPG", "40", "42", "1500")
    assert [len(body) for body in bodies] == [500] * 3


def test_the_list_may_say_another_size_than_the_file_has():
    film = recording(38, [1000])[0]
    card = card_with(CardFile(film.name, film.content, listed_bytes=900))

    with Camera(card) as camera:
        assert ask(camera, LIST).json()["media"][0]["fs"][0]["s"] == "900"
        assert ask(camera, chapter_path(film.name), "HEAD").header("Content-Length") == "1000"


@pytest.mark.parametrize("mdat_bytes", [0, 5000, 2**33])
def test_an_unfinished_film_says_which_camera_it_is_of_and_is_not_whole(mdat_bytes):
    film = unfinished(recording(38, [5000])[0], mdat_bytes)

    assert film.size_bytes == 5000
    assert header_of(film.content.read(0, 256)).serial == "C3501324500711"
    with pytest.raises(BrokenFile, match="mdat"):
        inspected(film.content)


def test_an_opaque_film_has_no_structure():
    film = opaque(recording(38, [5000])[0])

    with pytest.raises(BrokenFile):
        inspected(film.content)


def test_a_film_that_is_cut_short_is_the_beginning_of_the_whole():
    whole = recording(38, [5000])[0]

    short = cut_short(whole, 100)

    assert short.size_bytes == 4900
    assert short.content.read(0, 5000) == whole.content.read(0, 4900)
    assert card_with(short).etag(short) != card_with(whole).etag(whole)


def test_a_repaired_film_is_whole_and_of_another_length_and_date():
    film = recording(38, [5000])[0]

    mended = repaired(film, 4000)

    assert (mended.name, mended.size_bytes, mended.modified) == (film.name, 4000, film.modified + 60)
    assert inspected(mended.content)


@pytest.mark.parametrize("serial", [None, "C3501324500999"])
def test_another_card_differs_in_its_bytes_and_unique_ids_alone(serial):
    card = Card(
        (
            Directory("100GOPRO", (*recording(38, [5000, 6000]), photo("GOPR0039.JPG", 700))),
            Directory("101GOPRO", (sphere(40, 5000),)),
        )
    )

    other = other_card(card, serial)

    for (directory, file), (_, twin) in zip(card.files(), other.files(), strict=True):
        assert (file.name, file.size_bytes, card.etag(file)) == (twin.name, twin.size_bytes, other.etag(twin))
        assert file.sha256() != twin.sha256()
        assert card.gumi(directory, file) != other.gumi(directory, twin)
    assert names(other) == names(card)
    assert inspected(other.files()[0][1].content).header.serial == (serial or card.serial) == other.serial


def test_a_film_that_is_trailed_has_these_bytes_after_its_last_box():
    [film] = recording(38, [5000])

    left = trailed(film, b"left by a repair")

    assert left.content.read(0, 6000) == film.content.read(0, 5000) + b"left by a repair"
    assert left.size_bytes == 5016


@pytest.mark.parametrize("broken", [unfinished, opaque])
def test_another_card_of_broken_films_has_broken_films(broken):
    card = card_with(broken(recording(38, [5000])[0]))

    with pytest.raises(BrokenFile):
        inspected(other_card(card).files()[0][1].content)


def test_a_card_without_a_file_has_the_others():
    card = Card(
        (Directory("100GOPRO", recording(38, [1000, 1000])), Directory("101GOPRO", recording(38, [1000])))
    )

    left = card.without("100GOPRO", "GX010038.MP4")

    assert [(d, f.name) for d, f in left.files()] == [
        ("100GOPRO", "GX020038.MP4"),
        ("101GOPRO", "GX010038.MP4"),
    ]


@pytest.mark.parametrize("offset", [0, 399, 400, 401, 449, 450, 451, 999])
@pytest.mark.parametrize("size", [0, 1, 60, 1000])
def test_changed_contents_read_the_same_wherever_one_begins(offset, size):
    whole = CONTENT.read(0, 1000)
    data = b"x" * 50
    cases: list[tuple[Content, bytes]] = [
        (Clipped(CONTENT, 450), whole[:450]),
        (Patched(CONTENT, 400, data), whole[:400] + data + whole[450:]),
        (Inserted(CONTENT, 400, data), whole[:400] + data + whole[400:]),
    ]

    for content, expected in cases:
        assert content.size_bytes == len(expected)
        assert content.read(offset, size) == expected[offset : offset + size]
