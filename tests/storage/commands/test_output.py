"""Output: text for people, JSON for programs."""

from storage.commands.output import show, table


def test_a_table_is_as_wide_as_it_needs_to_be():
    rows = [{"id": 1, "name": "ada", "more": 0}, {"id": 22, "name": "b"}]
    assert table(("id", "name"), rows) == ["id  name", "1   ada", "22  b"]


def test_what_is_shown_is_json_or_lines(capsys):
    show(True, {"id": 1}, ["key 1"])
    show(False, {"id": 1}, ["key 1", "done"])
    assert capsys.readouterr().out == '{\n  "id": 1\n}\nkey 1\ndone\n'
