"""Finding: what is not well says what to do."""

from addons.doctor.finding import Level, Patient, fail, ok, warn


def test_each_kind_has_its_level() -> None:
    found = (ok("fine"), warn("low", "fill it"), fail("gone", "find it"))
    assert [one.level for one in found] == [Level.OK, Level.WARN, Level.FAIL]
    assert [one.todo for one in found] == ["", "fill it", "find it"]


def test_a_patient_has_the_settings_that_were_read(patient: Patient) -> None:
    assert patient.known is patient.settings
