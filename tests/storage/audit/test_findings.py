"""Findings: one line each, and so many of each kind."""

from storage.audit.findings import FINDINGS_MAX, Finding, Findings


def many(number):
    return (Finding("I3", f"key {n}", "x") for n in range(number))


def test_a_finding_is_one_line_that_names_the_row():
    assert str(Finding("I3", "key 1", "it counts 7")) == "I3 key 1: it counts 7"


def test_each_check_has_its_own_limit():
    findings = Findings()
    findings.extend("one", many(FINDINGS_MAX + 1))
    findings.add("one", Finding("I3", "key", "one more"))
    findings.extend("other", many(2))
    assert len(list(findings)) == FINDINGS_MAX + 2


def test_what_it_does_not_keep_it_does_not_read():
    read = []
    stream = (read.append(n) or Finding("I3", "key", "x") for n in range(1000))
    Findings().extend("one", stream)
    assert len(read) == FINDINGS_MAX
