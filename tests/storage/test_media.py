"""Media: what is kept, who may have it, how long, and how much."""

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.gateway import MediaSettings
from storage import media
from storage.errors import MediaFull, MediaTooLarge
from storage.media import EXTENSIONS, NANOSECONDS, STALE_SECONDS, MediaStore
from storage.secrets import Secrets
from tests.fakes.clock import START_NS, FakeClock

SECRETS = Secrets(b"s" * 32)
SETTINGS = MediaSettings(
    keep_seconds=1000.0, url_seconds=100.0, file_bytes=50, total_bytes=200
)
NOW = START_NS // NANOSECONDS
TYPES = sorted(EXTENSIONS)


@pytest.fixture
def open_store(tmp_path, clock):
    def open_one(directory=None, secrets=SECRETS, **changes):
        settings = replace(SETTINGS, **changes)
        return MediaStore(directory or tmp_path / "media", secrets, clock, settings)

    return open_one


@pytest.fixture
def store(open_store):
    return open_store()


def parts(address: str) -> tuple[str, str, str]:
    """Name, expiry and signature of an address."""
    path, _, query = address.partition("?")
    expires, signature = (one.partition("=")[2] for one in query.split("&"))
    return path.removeprefix("/media/"), expires, signature


def signed(store: MediaStore, name: str, expires: str) -> tuple[str, str, str]:
    """An address as only its maker could make it."""
    return name, expires, store._sign(name, expires)


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


# What is kept.


@pytest.mark.parametrize("media_type", TYPES)
def test_a_kept_file_is_found_at_its_address(store, media_type):
    name = store.keep(b"content", media_type)
    found = store.find(*parts(store.address(name)))
    assert found.media_type == media_type
    assert found.size == 7
    with found.open() as file:
        assert file.read() == b"content"


def test_only_its_owner_may_read_a_file(store):
    name = store.keep(b"x", "image/png")
    path = store.locate(name).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert files(store.directory) == [path]


def test_the_same_content_twice_is_two_files(store):
    names = {store.keep(b"x", "image/png") for _ in range(20)}
    assert len(names) == 20
    assert {len(name) for name in names} == {26 + len(".png")}


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "image/svg+xml",
        "image/PNG",
        "image/png; charset=utf-8",
        "image/png\n",
        "../png",
        "",
    ],
)
def test_no_other_type_is_kept(store, media_type):
    with pytest.raises(ValueError):
        store.keep(b"x", media_type)
    assert files(store.directory) == []


def test_an_empty_file_is_not_kept(store):
    with pytest.raises(ValueError):
        store.keep(b"", "image/png")


def test_many_threads_keep_at_once(store):
    names, together = [], threading.Barrier(8)

    def keep():
        together.wait()
        names.append(store.keep(b"x" * 25, "image/png"))

    threads = [threading.Thread(target=keep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8
    with pytest.raises(MediaFull):
        store.keep(b"x", "image/png")


# Who may have it.


def test_stores_that_share_the_secret_agree(open_store, tmp_path):
    one, two = open_store(), open_store()
    name = one.keep(b"x", "image/png")
    assert two.find(*parts(one.address(name))) == one.find(*parts(two.address(name)))
    assert two.locate(name).size == 1


def test_another_secret_makes_other_addresses(open_store):
    one, other = open_store(), open_store(secrets=Secrets(b"o" * 32))
    name = one.keep(b"x", "image/png")
    assert other.find(*parts(one.address(name))) is None


def test_a_signature_is_no_other_purposes(store):
    assert SECRETS.seed("receipt signing v1") != store._key
    assert SECRETS.seed(media.LABEL) == store._key


NAME = "a" * 26 + ".png"


@given(st.data())
def test_an_address_with_one_character_changed_is_refused(data):
    store = MediaStore(Path("/nowhere"), SECRETS, FakeClock(), SETTINGS)
    address = list(parts(store.address(NAME)))
    assert store.allows(*address)
    which = data.draw(st.integers(0, 2))
    text = address[which]
    place = data.draw(st.integers(0, len(text) - 1))
    alphabet = st.one_of(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        st.sampled_from("0123456789-_=.~/ \0"),
        st.characters(),
    )
    other = data.draw(alphabet.filter(lambda one: one != text[place]))
    address[which] = text[:place] + other + text[place + 1 :]
    assert not store.allows(*address)
    assert store.find(*address) is None


@given(st.integers(0, 42))
def test_no_bit_of_a_signature_is_to_spare(place):
    store = MediaStore(Path("/nowhere"), SECRETS, FakeClock(), SETTINGS)
    name, expires, signature = parts(store.address(NAME))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [signature[:place] + one + signature[place + 1 :] for one in letters]
    assert [one for one in changed if store.allows(name, expires, one)] == [signature]


@pytest.mark.parametrize("longer", ["=", "\n", " ", "A", "\0"])
def test_nothing_may_be_added_to_a_signature(store, longer):
    name, expires, signature = parts(store.address(NAME))
    assert not store.allows(name, expires, signature + longer)
    assert not store.allows(name, expires, longer + signature)
    assert not store.allows(name, expires, "")
    assert not store.allows(name, expires, signature[:-1])
    assert not store.allows(name, expires, "\udcff" * 43)


@pytest.mark.parametrize(
    ("later", "allowed"), [(0, True), (99.9, True), (100, False), (10**6, False)]
)
def test_an_address_works_until_its_time_is_over(store, clock, later, allowed):
    address = parts(store.address(store.keep(b"x", "image/png")))
    clock.advance(later)
    assert (store.find(*address) is not None) is allowed


@pytest.mark.parametrize(
    "expires",
    [
        "",
        "0",
        "-1",
        str(-NOW),
        f"+{NOW + 50}",
        f"0{NOW + 50}",
        f" {NOW + 50}",
        f"{NOW + 50}\n",
        f"{NOW + 50}.0",
        f"{NOW + 50}_0",
        "1e12",
        "inf",
        "nan",
        "٣" * 10,
        "9" * 13,
        "9" * 10_000,
    ],
)
def test_an_absurd_expiry_is_refused_even_if_signed(store, expires):
    name = store.keep(b"x", "image/png")
    assert store.find(*signed(store, name, expires)) is None


def test_the_longest_expiry_is_no_error(store):
    name = store.keep(b"x", "image/png")
    assert store.find(*signed(store, name, "9" * 12)) is not None


TRICKS = [
    "",
    ".",
    "..",
    "../secret",
    "../../etc/passwd",
    "/etc/passwd",
    "aa/../../secret",
    "..%2Fsecret",
    "%2e%2e%2fsecret",
    "..\\secret",
    "secret\0.png",
    NAME + "\0",
    NAME + "\n",
    NAME + "/",
    "/" + NAME,
    "aa/" + NAME,
    NAME.upper(),
    NAME.replace(".png", ""),
    NAME.replace(".png", ".html"),
    NAME.replace(".png", ".PNG"),
    NAME.replace(".png", ".png.html"),
    NAME.replace(".png", ".svg"),
    "a" * 25 + ".png",
    "a" * 27 + ".png",
    "0" + "a" * 25 + ".png",
    "а" * 26 + ".png",
    ".partial-abcdefgh",
    "\udcff" * 26 + ".png",
    "a" * 100_000,
]


@pytest.mark.parametrize("name", TRICKS, ids=range(len(TRICKS)))
def test_no_name_leads_anywhere_else(store, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    store.keep(b"x", "image/png")
    expires = str(NOW + 50)
    assert store.locate(name) is None
    assert store.find(name, expires, "A" * 43) is None
    if "\udcff" not in name:
        assert store.find(*signed(store, name, expires)) is None


def test_a_planted_link_is_not_followed(store, tmp_path):
    (tmp_path / "secret").write_text("secret")
    name = store.keep(b"x", "image/png")
    path = store.locate(name).path
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    assert store.find(*parts(store.address(name))) is None


def test_a_link_that_comes_after_the_look_is_not_followed(store, tmp_path):
    (tmp_path / "secret").write_text("secret")
    found = store.locate(store.keep(b"x", "image/png"))
    found.path.unlink()
    found.path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError):
        found.open()


def test_a_planted_directory_is_not_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / NAME).write_text("secret")
    store.directory.mkdir()
    (store.directory / NAME[:2]).symlink_to(outside)
    assert store.locate(NAME) is None
    store.sweep()
    assert store.used_bytes == 0


@pytest.mark.parametrize("plant", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_found(store, plant):
    (store.directory / NAME[:2]).mkdir(parents=True)
    plant(store.directory / NAME[:2] / NAME)
    assert store.locate(NAME) is None


def test_before_anything_is_kept_nothing_is_found(store):
    assert store.find(*parts(store.address(NAME))) is None
    assert store.sweep() == 0


# How long.


@pytest.mark.parametrize(("age", "kept"), [(0, True), (1000, True), (1000.001, False)])
def test_a_sweep_removes_what_is_too_old(store, clock, age, kept):
    name = store.keep(b"x" * 10, "image/png")
    clock.advance(age)
    assert store.sweep() == (not kept)
    assert (store.locate(name) is not None) is kept
    assert store.used_bytes == 10 * kept


def test_two_sweeps_harm_each_other_no_more_than_one(open_store, clock):
    one, two = open_store(), open_store()
    for _ in range(4):
        one.keep(b"x", "image/png")
    clock.advance(2000)
    assert sorted([one.sweep(), two.sweep()]) == [0, 4]


def test_a_sweep_ends_after_so_many(clock, tmp_path):
    store = MediaStore(tmp_path, SECRETS, clock, SETTINGS, remove_max=3)
    for _ in range(5):
        store.keep(b"x", "image/png")
    clock.advance(2000)
    assert [store.sweep() for _ in range(3)] == [3, 2, 0]


def test_a_file_that_is_being_read_can_be_read_to_its_end(store, clock):
    found = store.locate(store.keep(b"content", "video/mp4"))
    with found.open() as file:
        clock.advance(2000)
        assert store.sweep() == 1
        assert file.read() == b"content"
    with pytest.raises(FileNotFoundError):
        found.open()


@pytest.mark.parametrize(
    ("age", "removed"), [(STALE_SECONDS, 0), (STALE_SECONDS + 1, 1)]
)
def test_what_a_crash_left_of_a_file_goes_too(open_store, clock, age, removed):
    store = open_store(keep_seconds=10.0**6)
    path = store.locate(store.keep(b"x", "image/png")).path
    partial = path.with_name(".partial-abc")
    partial.write_bytes(b"half")
    made_ns = clock.wall_ns() - age * NANOSECONDS
    os.utime(partial, ns=(made_ns, made_ns))
    assert store.sweep() == removed
    assert partial.exists() is not bool(removed)


def test_what_is_not_ours_is_left_alone(store, clock):
    path = store.locate(store.keep(b"x", "image/png")).path
    others = [store.directory / "README", path.with_name("notes.txt")]
    for other in others:
        other.write_text("not ours")
        os.utime(other, (0, 0))
    clock.advance(2000)
    assert store.sweep() == 1
    assert all(other.exists() for other in others)


def test_a_stopped_store_sweeps_no_further(store, clock):
    store.keep(b"x", "image/png")
    clock.advance(2000)
    store.stop()
    assert store.sweep() == 0


# How much.


@pytest.mark.parametrize("size", [50, 51])
def test_a_file_has_a_limit(store, size):
    if size <= 50:
        store.keep(b"x" * size, "image/png")
        return
    with pytest.raises(MediaTooLarge):
        store.keep(b"x" * size, "image/png")
    assert files(store.directory) == []


def test_all_files_have_one_together(store):
    for _ in range(4):
        store.keep(b"x" * 50, "image/png")
    with pytest.raises(MediaFull):
        store.keep(b"x", "image/png")
    assert store.used_bytes == 200


def test_what_was_there_at_the_start_counts(open_store):
    first = open_store()
    for _ in range(3):
        first.keep(b"x" * 50, "image/png")
    second = open_store()
    second.keep(b"x" * 50, "image/png")
    with pytest.raises(MediaFull):
        second.keep(b"x", "image/png")


def test_what_others_added_counts_from_the_next_sweep(open_store):
    one, two = open_store(), open_store()
    one.sweep()
    for _ in range(4):
        two.keep(b"x" * 50, "image/png")
    one.keep(b"x", "image/png")
    one.sweep()
    assert one.used_bytes == 201
    with pytest.raises(MediaFull):
        one.keep(b"x", "image/png")


def test_room_comes_back_with_a_sweep(store, clock):
    for _ in range(4):
        store.keep(b"x" * 50, "image/png")
    clock.advance(2000)
    store.sweep()
    assert store.used_bytes == 0
    assert store.keep(b"x" * 50, "image/png")


def test_a_file_that_could_not_be_written_takes_no_room(store):
    store.sweep()
    store.directory.write_text("in the way")
    with pytest.raises(OSError):
        store.keep(b"x" * 50, "image/png")
    assert store.used_bytes == 0
    store.directory.unlink()
    for _ in range(4):
        store.keep(b"x" * 50, "image/png")


# Piece by piece.


def test_a_file_may_come_in_pieces(store):
    with store.writing("video/mp4") as part:
        for piece in (b"one ", b"", b"two ", b"three"):
            part.write(piece)
        assert (part.size, store.used_bytes) == (13, 13)
        assert store.locate(part._draft.path.name) is None
        name = part.keep()
    found = store.locate(name)
    assert (found.media_type, found.size) == ("video/mp4", 13)
    with found.open() as file:
        assert file.read() == b"one two three"
    assert files(store.directory) == [found.path]
    assert store.used_bytes == 13


def test_a_file_that_nobody_keeps_leaves_nothing(store):
    with store.writing("video/mp4") as part:
        part.write(b"x" * 50)
        assert len(files(store.directory)) == 1
    assert (files(store.directory), store.used_bytes) == ([], 0)


def test_an_error_in_the_middle_leaves_nothing(store):
    with pytest.raises(LookupError), store.writing("video/mp4") as part:
        part.write(b"x" * 20)
        raise LookupError
    assert (files(store.directory), store.used_bytes) == ([], 0)


@pytest.mark.parametrize("last", [20, 21])
def test_pieces_together_have_the_limit_of_a_file(store, last):
    with store.writing("video/mp4") as part:
        part.write(b"x" * 30)
        if last <= 20:
            part.write(b"x" * last)
            assert store.locate(part.keep()).size == 50
            return
        with pytest.raises(MediaTooLarge, match="more than 50"):
            part.write(b"x" * last)
        with pytest.raises(ValueError):
            part.keep()
        with pytest.raises(ValueError):
            part.write(b"x")
    assert (files(store.directory), store.used_bytes) == ([], 0)


def test_the_store_may_be_full_in_the_middle(store):
    for _ in range(3):
        store.keep(b"x" * 50, "image/png")
    with store.writing("video/mp4") as part:
        part.write(b"x" * 30)
        store.keep(b"x" * 20, "image/png")
        with pytest.raises(MediaFull):
            part.write(b"x")
        with pytest.raises(ValueError):
            part.keep()
    assert (len(files(store.directory)), store.used_bytes) == (4, 170)


def test_parts_of_many_threads_share_the_room(store):
    """Eight want a quarter of it each; of those that get none nothing is left."""
    names, full, together = [], [], threading.Barrier(8)

    def write():
        together.wait()
        try:
            with store.writing("video/mp4") as part:
                for _ in range(5):
                    part.write(b"x" * 10)
                names.append(part.keep())
        except MediaFull:
            full.append(1)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) + len(full) == 8
    assert len(names) <= 4
    assert {path.name for path in files(store.directory)} == set(names)
    assert store.used_bytes == 50 * len(names)


def test_an_empty_part_is_not_kept(store):
    with store.writing("video/mp4") as part:
        part.write(b"")
        with pytest.raises(ValueError):
            part.keep()
    assert not store.directory.exists()


def test_a_part_is_kept_once(store):
    with store.writing("video/mp4") as part:
        part.write(b"x")
        name = part.keep()
        with pytest.raises(ValueError):
            part.keep()
        with pytest.raises(ValueError):
            part.write(b"x")
        part.discard()
    assert (store.locate(name).size, store.used_bytes) == (1, 1)


def test_a_part_that_could_not_be_opened_takes_no_room(store):
    store.sweep()
    store.directory.write_text("in the way")
    with pytest.raises(OSError), store.writing("video/mp4") as part:
        part.write(b"x")
    assert store.used_bytes == 0


def test_a_part_whose_place_has_gone_is_not_kept(store):
    with store.writing("video/mp4") as part:
        part.write(b"x")
        part._draft.place.unlink()
        with pytest.raises(FileNotFoundError):
            part.keep()
    assert (files(store.directory), store.used_bytes) == ([], 0)


def test_only_what_is_kept_may_come_in_pieces(store):
    with pytest.raises(ValueError), store.writing("text/html"):
        pass


@pytest.mark.parametrize("seconds", [0, STALE_SECONDS + 1])
def test_a_sweep_leaves_what_is_being_written(store, clock, seconds):
    """Its bytes count once, whether they are on disk already or not."""
    with store.writing("video/mp4") as part:
        part.write(b"x" * 20)
        clock.advance(seconds)
        store.sweep()
        assert store.used_bytes == 20
        part._draft.file.flush()
        store.sweep()
        assert store.used_bytes == 20
        part.write(b"x" * 10)
        found = store.locate(part.keep())
    assert (found.size, store.used_bytes) == (30, 30)
    store.sweep()
    assert store.used_bytes == 30


def test_a_part_that_ends_after_a_sweep_gives_back_its_room(store):
    with store.writing("video/mp4") as part:
        part.write(b"x" * 20)
        store.sweep()
    assert store.used_bytes == 0
