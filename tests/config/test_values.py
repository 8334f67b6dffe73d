from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.document import ConfigError
from config.money import MAX_INTEGER, NANO
from config.values import (
    ASPECT_RATIO,
    address,
    amount,
    choice,
    duration,
    folder,
    network,
    host,
    list_of,
    mapping_of,
    name,
    optional,
    pixels,
    record,
    resolution,
    several_of,
    size,
    table_of,
    text,
    variable,
    whole,
    whole_numbers,
)

shapes = table_of(ASPECT_RATIO, "a shape", pixels)

ENVIRON = {
    "NUMBER": "60",
    "WORDS": "many",
    "AMOUNT": "2.50",
    "WAIT": "5s",
    "KIB": "1KiB",
    "EMPTY": "",
    "LINES": "a\nb",
    "URL": "https://example.com/v1/",
}

READ = [
    (text, "plain", "plain"),
    (text, '"0.15"', "0.15"),
    (text, "通义千问 Plus", "通义千问 Plus"),
    (text, "${WORDS}", "many"),
    (name, "gpt-4o", "gpt-4o"),
    (name, "fal-ai/pika/v2.2", "fal-ai/pika/v2.2"),
    (variable, "OPENAI_API_KEY", "OPENAI_API_KEY"),
    (choice("input", "nothing"), "nothing", "nothing"),
    (whole(0), "0", 0),
    (whole(0), "20_000_000", 20_000_000),
    (whole(1), "1", 1),
    (whole(0, 65535), "65535", 65535),
    (whole(0), str(MAX_INTEGER), MAX_INTEGER),
    (whole(0), "${NUMBER}", 60),
    (whole(0), "${NONE:-7}", 7),
    (duration(), "500ms", 0.5),
    (duration(), "1ms", 0.001),
    (duration(), "10s", 10.0),
    (duration(), "5m", 300.0),
    (duration(), "2h", 7200.0),
    (duration(), "7d", 604_800.0),
    (duration(), "${WAIT}", 5.0),
    (duration(0), "0s", 0.0),
    (size, "1B", 1),
    (size, "64KiB", 65_536),
    (size, "20MiB", 20_971_520),
    (size, "1GiB", 1_073_741_824),
    (size, "${KIB}", 1024),
    (amount, '"10.00"', 10 * NANO),
    (amount, "'0'", 0),
    (amount, "${AMOUNT}", 2_500_000_000),
    (address, "https://api.openai.com/v1", "https://api.openai.com/v1"),
    (address, "${URL}", "https://example.com/v1"),
    (address, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    (address, "http://[::1]:80/", "http://[::1]:80"),
    (optional(address), "", None),
    (optional(address), '""', None),
    (optional(address), "${EMPTY}", None),
    (optional(address), "http://a", "http://a"),
    (optional(folder), "", None),
    (folder, "/mnt/media", Path("/mnt/media")),
    (network, "10.1.2.3/8", ip_network("10.0.0.0/8")),
    (network, "192.0.2.7", ip_network("192.0.2.7/32")),
    (host, "oss-cn.aliyuncs.com", "oss-cn.aliyuncs.com"),
    (pixels, "1024x1024", "1024x1024"),
    (resolution, "720p", "720p"),
    (several_of(name), "[a]", ("a",)),
    (whole_numbers(1, 60), "[5, 10]", (5, 10)),
    (whole_numbers(1, 60), "2..5", (2, 3, 4, 5)),
    (whole_numbers(1, 60), "60..60", (60,)),
    (shapes, '{"16:9": 1280x720}', {"16:9": "1280x720"}),
    (list_of(name), "[a, b]", ("a", "b")),
    (list_of(name), "[]", ()),
    (mapping_of(whole(0)), "{a: 1, b.c: 2}", {"a": 1, "b.c": 2}),
    (mapping_of(whole(0)), "{}", {}),
]

REFUSED = [
    (text, "0.15"),
    (text, "5"),
    (text, "no"),
    (text, "2026-11-01"),
    (text, ""),
    (text, '""'),
    (text, '"  "'),
    (text, '"a\\nb"'),
    (text, '"${LINES}"'),
    (text, "[a]"),
    (text, "{a: b}"),
    (name, "-a"),
    (name, "a b"),
    (name, "a" * 129),
    (name, "名"),
    (variable, "1A"),
    (variable, "A-B"),
    (variable, "sk-${NUMBER}"),
    (host, "Example.com"),
    (host, "localhost"),
    (host, "a.b/c"),
    (host, "https://a.b"),
    (pixels, "1024"),
    (pixels, "0x10"),
    (pixels, "1024x1024x3"),
    (resolution, "720"),
    (resolution, "10p"),
    (whole_numbers(1, 60), "[]"),
    (whole_numbers(1, 60), "[0]"),
    (whole_numbers(1, 60), "[61]"),
    (whole_numbers(1, 60), "5"),
    (whole_numbers(1, 60), "5..2"),
    (whole_numbers(1, 60), "0..2"),
    (whole_numbers(1, 60), "2..61"),
    (whole_numbers(1, 60), "2...5"),
    (whole_numbers(1, 60), "2..99999"),
    (shapes, "{}"),
    (shapes, "[a]"),
    (shapes, '{"16x9": 1280x720}'),
    (shapes, "{16:9: 1280x720}"),
    (shapes, '{"16:9": 1280}'),
    (several_of(name), "[]"),
    (several_of(name), "a"),
    (choice("input", "nothing"), "all"),
    (choice(), "all"),
    (whole(0), "many"),
    (whole(0), "-1"),
    (whole(0), "1.0"),
    (whole(0), "1e3"),
    (whole(0), '"60"'),
    (whole(0), "010"),
    (whole(0), "0x10"),
    (whole(0), "1:30"),
    (whole(0), "1__0"),
    (whole(0), "true"),
    (whole(0), ""),
    (whole(0), "[1]"),
    (whole(0), "${WORDS}"),
    (whole(0), "${EMPTY}"),
    (whole(1), "0"),
    (whole(0, 65535), "65536"),
    (whole(0), str(MAX_INTEGER + 1)),
    (whole(0), "9" * 5000),
    (duration(), "10"),
    (duration(), "10 s"),
    (duration(), "1.5s"),
    (duration(), "-1s"),
    (duration(), "0s"),
    (duration(), "10w"),
    (duration(), "3661d"),
    (duration(), "9" * 13 + "s"),
    (duration(), "s"),
    (duration(), ""),
    (size, "64"),
    (size, "64KB"),
    (size, "64kib"),
    (size, "0B"),
    (size, "1.5MiB"),
    (size, "999999999999GiB"),
    (amount, "10.00"),
    (amount, "10"),
    (amount, '"-1"'),
    (amount, '"ten"'),
    (amount, '"1e1"'),
    (amount, '"0.0000000001"'),
    (amount, '""'),
    (amount, "${WORDS}"),
    (address, "example.com"),
    (address, "ftp://example.com"),
    (address, "https://"),
    (address, "https:///v1"),
    (address, "https://user:secret@example.com"),
    (address, "https://example.com/?a=b"),
    (address, '"https://example.com/#a"'),
    (address, '"https://example.com/\\na"'),
    (address, "https://example.com:port"),
    (address, "https://example.com:99999"),
    (address, "https://[::1"),
    (address, "https://例子.com"),
    (optional(address), "[]"),
    (optional(address), "nowhere"),
    (list_of(name), "a"),
    (list_of(name), ""),
    (list_of(name), "[a b]"),
    (mapping_of(whole(0)), "[1]"),
    (mapping_of(whole(0)), "{a b: 1}"),
    (mapping_of(whole(0)), "{a: b}"),
]


@pytest.mark.parametrize(("read", "written", "value"), READ)
def test_a_value_is_read(document, read, written, value):
    node = document(f"key: {written}", ENVIRON).entries("a mapping")["key"]

    got = read(node)

    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(("read", "written"), REFUSED)
def test_a_wrong_value_is_one_line_with_its_place(document, mistake, read, written):
    node = document(f"# first\nkey: {written}", ENVIRON).entries("a mapping")["key"]

    assert mistake(read, node).startswith("gateway.yaml:2: key")


def test_a_whole_number_says_its_bounds(document):
    node = document("many")

    with pytest.raises(ConfigError, match=r"expected a whole number ≥ 0$"):
        whole(0)(node)
    with pytest.raises(ConfigError, match=r"expected a whole number ≥ 1 and ≤ 9$"):
        whole(1, 9)(node)


@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: int = 2
    label: str = field(default="pair")


PAIR = {"left": ("left", whole(0)), "right": ("right_side", whole(0))}


def test_a_record_is_filled_from_its_keys(document):
    assert record(Pair, PAIR)(document("{left: 5, right_side: 6}")) == Pair(5, 6)


def test_a_missing_key_has_the_default_of_the_record(document):
    assert record(Pair, PAIR)(document("left: 5")) == Pair(5, 2)


def test_a_record_may_take_the_name_of_its_entry(document):
    pairs = mapping_of(record(Pair, PAIR, named="label"))

    assert pairs(document("one: {left: 1}")) == {"one": Pair(1, 2, "one")}


@pytest.mark.parametrize(
    ("complete", "content", "line"),
    [
        (False, "right_side: 1", "1: left: nothing: expected a whole number ≥ 0"),
        (True, "left: 1", "1: right_side: nothing: expected a whole number ≥ 0"),
        (
            False,
            "left: 1\nrihgt: 1",
            '2: rihgt: "1": expected one of the keys left, right_side',
        ),
        (False, "left: 1\nleft: 2", '2: left: "2": expected each key once'),
        (False, "left:", "1: left: nothing: expected a whole number ≥ 0"),
        (False, "[1, 2]", "1: a list: expected a mapping with left, right_side"),
    ],
)
def test_a_record_has_its_keys_and_no_others(
    document, mistake, complete, content, line
):
    read = record(Pair, PAIR, complete=complete)

    assert mistake(read, document(content)).startswith(f"gateway.yaml:{line}")


def test_a_field_with_a_default_may_be_asked_for_all_the_same(document, mistake):
    read = record(Pair, PAIR, also=("right",))

    line = mistake(read, document("left: 1"))
    assert line.startswith("gateway.yaml:1: right_side: nothing")
