import pytest

from chalicelib.core.chapter import OLDER_SYSTEM, Chapter
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import name_of, parsed_session_id, project, project_of, serial, session_id


@pytest.mark.parametrize("text", ["a", "A1", "9", "a.b_c-d", "a" * 99, "a" * 100, "a..b"])
def test_a_session_id_of_the_allowed_characters_is_taken(text: str):
    made = session_id("main", text)

    assert made == f"main/{text}"
    assert (project_of(made), name_of(made), parsed_session_id(made)) == ("main", text, made)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "ä", "a" * 101, "a" * 300, "a\x00", "%2e%2e"]
)
def test_any_other_session_id_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="1 to 100 characters"):
        session_id("main", text)


@pytest.mark.parametrize(
    "text",
    ["", "/", "main", "main/", "/match-17", "main/match-17/x", "main//match-17", "Main/a", "*/a", "main/-a"],
)
def test_a_text_that_is_not_a_project_and_a_name_is_no_session_id(text: str):
    with pytest.raises(InvalidRequest):
        parsed_session_id(text)


@pytest.mark.parametrize("text", ["", "*", "Main", "a" * 41, "-a"])
def test_a_project_of_other_characters_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="1 to 40 characters"):
        project(text)


@pytest.mark.parametrize("text", ["C", "C3501324500711", "a" * 39, "a" * 40])
def test_a_serial_of_letters_and_digits_is_taken(text: str):
    assert serial(text) == text


@pytest.mark.parametrize("text", ["", "a" * 41, "a b", "ü", "\u0661", "a-b", "a\n", "a/b", "\x00"])
def test_any_other_serial_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="1 to 40 letters and digits"):
        serial(text)


def test_the_artifact_id_of_a_chapter_is_slash_free():
    assert Chapter("100GOPRO", "GX010038.MP4", 1).artifact_id == "original.100GOPRO.GX010038.MP4"


def test_chapters_of_one_name_in_two_directories_have_two_keys_and_ids():
    one, other = Chapter("100GOPRO", "GX010001.MP4", 1), Chapter("101GOPRO", "GX010001.MP4", 1)

    assert one.artifact_id != other.artifact_id
    assert one.key(session_id("main", "s")) != other.key(session_id("main", "s"))


@pytest.mark.parametrize(
    "directory", ["", "..", "GOPRO", "100GOPR", "100GOPROO", "100GO/RO", "100GO.RO", "10AGOPRO"]
)
def test_a_directory_that_no_camera_makes_is_refused(directory: str):
    with pytest.raises(InvalidRequest, match="directory"):
        Chapter(directory, "GX010038.MP4", 1)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".MP4/..",
        "../GX.MP4",
        "a/b.MP4",
        "a\\b.MP4",
        "a\x00.MP4",
        "a\n.MP4",
        "a\x7f.MP4",
        "a" * 97 + ".MP4",
        "GX.JPG",
        "GX",
    ],
)
def test_a_filename_that_no_camera_writes_is_refused(filename: str):
    with pytest.raises(InvalidRequest, match="filename"):
        Chapter("100GOPRO", filename, 1)


@pytest.mark.parametrize(
    "filename", ["GX010038.MP4", "gx010038.mp4", "GS010001.360", "Match im März.MP4", "a" * 96 + ".MP4"]
)
def test_a_filename_that_a_camera_may_write_is_taken(filename: str):
    assert Chapter("100GOPRO", filename, 1).filename == filename


@pytest.mark.parametrize("filename", ["flight.avi", "DJI_0001.MOV", "film", "a" * 100])
def test_an_original_of_the_older_system_keeps_its_name(filename: str):
    assert Chapter(OLDER_SYSTEM, filename, 1).artifact_id == f"original.000OLDER.{filename}"


@pytest.mark.parametrize("size_bytes", [-1, 0])
def test_a_chapter_without_bytes_is_refused(size_bytes: int):
    with pytest.raises(InvalidRequest, match="at least 1"):
        Chapter("100GOPRO", "GX010038.MP4", size_bytes)


@pytest.mark.parametrize(
    ("trailing_bytes", "taken"), [(-1, False), (0, True), (1, True), (9, True), (10, False)]
)
def test_a_chapter_has_fewer_bytes_after_its_last_box_than_in_all(trailing_bytes: int, taken: bool):
    if taken:
        chapter = Chapter("100GOPRO", "GX010038.MP4", 10, trailing_bytes=trailing_bytes)
        assert chapter.trailing_bytes == trailing_bytes
    else:
        with pytest.raises(InvalidRequest, match="after its last box"):
            Chapter("100GOPRO", "GX010038.MP4", 10, trailing_bytes=trailing_bytes)


@pytest.mark.parametrize(("plain", "taken"), [(7, True), (8, True), (9, False)])
def test_a_chapter_has_an_artifact_id_that_the_api_takes(plain: int, taken: bool):
    filename = "映" * 18 + "🎥" + "a" * (plain - 8 + 4) + ".MP4"

    if taken:
        assert len(Chapter("100GOPRO", filename, 1).artifact_id) == 200 + plain - 8
    else:
        with pytest.raises(InvalidRequest, match="filename is too long"):
            Chapter("100GOPRO", filename, 1)
