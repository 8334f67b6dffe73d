"""Values on the wire, and what is sent when."""

import psycopg
import pytest
from psycopg import errors

from storage.postgres.line import PLANS_MAX, Line

INSERT = "INSERT INTO boot (id, pid, host, started_ns) VALUES (?1, ?2, 'h', 1)"
COUNT = "SELECT count(*) FROM boot"


@pytest.fixture
def line(url):
    connection = psycopg.connect(url, autocommit=True)
    yield Line(connection, 10.0)
    connection.close()


@pytest.mark.parametrize(
    "value", [0, -1, 2**63 - 1, -(2**63), "", "text", "ünï\n", b"", b"\x00\xff", True]
)
def test_a_value_comes_back_as_it_went(line, value):
    assert line.sql("SELECT ?1", (value,)) == [(value,)]


def test_null_is_null_of_any_type(line):
    line.sql(INSERT, ("a", 1))
    line.sql("UPDATE boot SET lease_ns = ?1", (None,))
    assert line.sql("SELECT lease_ns FROM boot") == [(None,)]


@pytest.mark.parametrize("statement", ["SELECT true", "SELECT 1::smallint"])
def test_small_things_are_whole_numbers(line, statement):
    ((found,),) = line.sql(statement)
    assert (type(found), found) == (int, 1)


def test_a_sum_that_is_no_whole_number_is_no_money(line):
    with pytest.raises(ValueError):
        line.sql("SELECT 1.5::numeric")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_that_is_too_large_is_refused(line, value):
    with pytest.raises(Exception, match="format requires"):
        line.sql("SELECT ?1", (value,))


def test_text_is_never_cut_at_a_nul(line):
    """Neither sent by halves nor stored as something else."""
    with pytest.raises(psycopg.DataError, match="0x00"):
        line.sql("SELECT ?1", ("a\0b",))


@pytest.mark.parametrize("value", [1.5, object(), [1]])
def test_other_types_are_refused(line, value):
    with pytest.raises(KeyError):
        line.sql("SELECT ?1", (value,))


def test_what_has_no_rows_is_sent_with_the_next_question(line, server):
    assert line.sql(INSERT, ("a", 1)) == []
    assert server(COUNT) == [(0,)]
    assert line.sql(COUNT) == [(1,)]
    assert server(COUNT) == [(1,)]


def test_what_is_forgotten_is_never_sent(line, server):
    line.sql(INSERT, ("a", 1))
    line.forget()
    assert line.flush() == []
    assert line.sql(COUNT) == [(0,)]


def test_an_error_is_told_with_the_question_it_was_sent_with(line):
    line.sql(INSERT, ("a", 1))
    line.sql(INSERT, ("a", 1))
    with pytest.raises(errors.UniqueViolation):
        line.sql(COUNT)
    # The three were one transaction.
    assert line.sql(COUNT) == [(0,)]


def test_what_could_not_be_prepared_is_tried_anew(line):
    with pytest.raises(errors.UndefinedTable):
        line.sql("SELECT count(*) FROM later")
    line.sql("CREATE TABLE later ()")
    assert line.sql("SELECT count(*) FROM later") == [(0,)]


def test_rows_larger_than_any_buffer_get_through(line):
    text = "x" * 3_000_000
    assert line.sql("SELECT ?1, ?2", (text, text.encode())) == [(text, text.encode())]


def test_a_server_that_is_silent_is_given_up(url):
    connection = psycopg.connect(url, autocommit=True)
    with pytest.raises(psycopg.OperationalError, match="does not answer"):
        Line(connection, 0.05).sql("SELECT pg_sleep(5)")
    connection.close()


def test_plans_are_bounded(line):
    for number in range(PLANS_MAX):
        line._plan((f"SELECT {number}", ()))
    with pytest.raises(errors.InternalError_, match="too many different"):
        line.sql("SELECT 'one more'")
