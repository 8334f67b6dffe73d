"""Pages: a table of files, the right types, small, and every word in two languages."""

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from addons.wire.errors import ApiError
from dashboard.pages import FOLDER, TYPES, read_pages

PAGES = read_pages()
HTML = [name for name in PAGES if name.endswith(".html")]
# What is not part of another one.
WHOLE = [name for name in HTML if not name.startswith("views/")]
SCRIPTS = [name for name in PAGES if name.endswith(".js") and "vendor/" not in name]
GLOSSARIES = [name for name in SCRIPTS if name.startswith("js/words")]
# The customer's own code, the same for every reader.
VERBATIM = ["js/samples.js"]
WORDS = re.compile(r'^  "([\w.]+)": \[', re.MULTILINE)
NAMED = re.compile(r'data-word(?:-label)?="([\w.]+)"')
SPOKEN = re.compile(r'\bword\(\s*"([\w.]+)"|\["([a-z]+\.[a-z_]+)",')
STYLES = re.compile(r'<link rel="stylesheet" href="/public/([\w.]+)"')
GROUP = re.compile(r"`(\w+)\.\$\{|\bterm\(\"(\w+)\"")
CAPTION = re.compile(r'data-caption="([\w.]+)"')
ENTRY = re.compile(r'<script type="module" src="/public/([\w/.]+)"')
IMPORTED = re.compile(r'^(?:import|\}|export \*) .*from "\./([\w./]+)"', re.MULTILINE)
# What is fetched later, but shown at first.
FIRST_VIEWS = {"dashboard.html": ["js/overview.js"]}
CHINESE_LETTER = re.compile("[\u4e00-\u9fff]")
FIRST_VIEW_BYTES_MAX = 100_000


def text(name: str) -> str:
    return PAGES[name].body.decode()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_served_with_its_type(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/public/{name}")
    assert answer.status_code == 200
    assert answer.data == (FOLDER / name).read_bytes()
    assert answer.content_type == TYPES[Path(name).suffix]
    assert answer.headers["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize("name", PAGES)
def test_what_did_not_change_is_not_sent_again(client: FlaskClient, name: str) -> None:
    etag = client.get(f"/public/{name}").headers["ETag"]
    again = client.get(f"/public/{name}", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_the_root_leads_to_the_dashboard(client: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/public/dashboard.html"


@pytest.mark.parametrize(
    "path",
    [
        "/public/../app.py",
        "/public/%2e%2e/app.py",
        "/public/..%2fapp.py",
        "/public/%252e%252e/app.py",
        "/public/js/../../app.py",
        "/public//etc/passwd",
        "/public/./style.css",
        "/public/..\\app.py",
        "/public/style.css%00.html",
        "/public/js",
        "/public/js/",
        "/public/",
        "/public/STYLE.css",
        "/public/" + "a/" * 2000,
    ],
)
def test_no_path_leads_out_of_the_folder(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.get_json()["success"] is False


def test_files_of_other_kinds_do_not_exist(tmp_path: Path) -> None:
    for name in ("page.html", "notes.txt", "code.py", ".hidden", "noending"):
        (tmp_path / name).write_text(name)
    assert list(read_pages(tmp_path)) == ["page.html"]


def test_people_get_a_page_that_says_so(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.data == PAGES["404.html"].body


def test_programs_get_json_that_says_so(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers={"Accept": "*/*"})
    assert answer.status_code == 404
    assert answer.get_json() == {
        "success": False,
        "message": "页面不存在",
        "data": None,
    }


def test_under_api_everybody_gets_json(client: FlaskClient) -> None:
    answer = client.get("/api/nothing.php", headers={"Accept": "text/html"})
    assert answer.is_json


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/public/dashboard.html"])
def test_pages_are_only_read(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("name", HTML)
def test_the_first_view_is_small(name: str) -> None:
    entries = ENTRY.findall(text(name)) + FIRST_VIEWS.get(name, [])
    styles = STYLES.findall(text(name))
    needed = {name, *styles}.union(*(needed_by(entry) for entry in entries))
    size = sum(len(PAGES[one].body) for one in needed)
    assert size < FIRST_VIEW_BYTES_MAX


def needed_by(script: str) -> set[str]:
    """The module with all that it imports before it runs."""
    found, left = set(), {script}
    while left:
        one = left.pop()
        found.add(one)
        left |= {f"js/{name}" for name in IMPORTED.findall(text(one))} - found
    return found


def test_every_named_word_is_spelled_and_every_spelled_one_is_used() -> None:
    spelled = [word for name in GLOSSARIES for word in WORDS.findall(text(name))]
    assert sorted(spelled) == sorted(every_word())
    named = {word for name in HTML for word in NAMED.findall(text(name))}
    code = "".join(text(name) for name in SCRIPTS if name not in GLOSSARIES)
    spoken = {one or two for one, two in SPOKEN.findall(code)}
    assert named | spoken <= set(spelled)
    groups = {one or two for one, two in GROUP.findall(code)} | {"about"}
    captions = {word for name in HTML for word in CAPTION.findall(text(name))}
    used = named | captions | set(re.findall(r'"([a-z]+\.\w+)"', code))
    unused = set(spelled) - used
    assert {word for word in unused if word.partition(".")[0] not in groups} == set()


@pytest.mark.parametrize("name", WHOLE)
def test_a_page_brings_all_the_words_it_says(name: str) -> None:
    scripts = [one for entry in ENTRY.findall(text(name)) for one in reached_by(entry)]
    brought = {
        word
        for one in scripts
        if one in GLOSSARIES
        for word in WORDS.findall(text(one))
    }
    code = "".join(text(one) for one in scripts if one not in GLOSSARIES)
    said = {one or two for one, two in SPOKEN.findall(code)}
    quoted = set(re.findall(r'"([a-z]+\.\w+)"', code)) & every_word()
    parts = [one for one in HTML if one not in WHOLE and name == "dashboard.html"]
    named = {word for one in [name, *parts] for word in NAMED.findall(text(one))}
    assert {*named, *said, *quoted} - brought == set()
    spelled = re.findall(r"word\(`(\w+)\.\$\{|\bterm\(\"(\w+)\"", code)
    for group in (one or two for one, two in spelled):
        assert any(word.startswith(f"{group}.") for word in brought), group


def reached_by(script: str) -> set[str]:
    """The module with all that it imports, at first or later."""
    found, left = set(), {script}
    while left:
        one = left.pop()
        found.add(one)
        later = re.findall(r'import\("\./([\w./]+)"\)', text(one))
        left |= {f"js/{name}" for name in IMPORTED.findall(text(one)) + later} - found
    return found


def every_word() -> set[str]:
    return {word for name in GLOSSARIES for word in WORDS.findall(text(name))}


@pytest.mark.parametrize("name", GLOSSARIES)
def test_every_word_has_both_languages(name: str) -> None:
    source = re.sub("^ *//.*", "", text(name), flags=re.MULTILINE)
    source = source[source.index("const WORDS = ") :]
    body = source[source.index("{") : source.index("\n};") + 2]
    joined = re.sub(r'"\s*\+\s*"', "", body)
    plain = re.sub(r",(\s*[\]}])", r"\1", joined)
    for word, pair in json.loads(plain).items():
        assert len(pair) == 2, word
        assert word == "language.other" or not CHINESE_LETTER.search(pair[1]), word


@pytest.mark.parametrize("name", [*HTML, *SCRIPTS])
def test_only_the_glossary_spells_words(name: str) -> None:
    if name in GLOSSARIES or name in VERBATIM:
        return
    source = re.sub(r"<noscript>.*?</noscript>|//.*|'\{\"model.*", "", text(name))
    assert not CHINESE_LETTER.search(source)


@pytest.mark.parametrize("name", SCRIPTS)
def test_text_goes_in_as_text(name: str) -> None:
    danger = r"(inner|outer|Adjacent)HTML|document\.write|\beval\(|Function\("
    assert not re.search(danger, text(name))


@pytest.mark.parametrize("name", HTML)
def test_every_field_has_a_label(name: str) -> None:
    page = text(name)
    for field in re.findall(r"<input[^>]*>", page):
        identity = re.search(r'id="([\w-]+)"', field)
        hidden = 'aria-hidden="true"' in field
        assert hidden or (identity and f'for="{identity[1]}"' in page), field


def test_what_others_wrote_stands_with_its_licence() -> None:
    vendored = {path for path in (FOLDER / "vendor").iterdir() if path.is_dir()}
    assert {path.name for path in vendored} == {"uplot"}
    for path in vendored:
        assert "Permission is hereby granted" in (path / "LICENSE").read_text("utf-8")
    assert "uPlot (v1.6.32)" in text("vendor/uplot/uPlot.iife.min.js")[:80]


def test_the_document_tells_errors_as_the_gateway_does() -> None:
    row = r"<code>(\d+)</code></td><th scope=\"row\"><code>(\w+)</code>"
    told = {(int(status), code) for status, code in re.findall(row, text("docs.html"))}
    kinds = [ApiError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    known = {(getattr(kind, "status", None), kind.code) for kind in kinds}
    assert told and told <= known


def test_no_form_is_sent_before_its_script_is_there() -> None:
    forms = [
        form
        for page in sorted(FOLDER.rglob("*.html"))
        for form in re.findall(r"<form\b[^>]*>", page.read_text("utf-8"))
    ]
    kept = [form for form in forms if re.search(r'method="(dialog|post)"', form)]
    assert kept == forms != []
