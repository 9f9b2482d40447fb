"""What must be written down is tried again while the database cannot, and no longer."""

import pytest
from django.db import IntegrityError, OperationalError

from core.outages import outlast

pytestmark = pytest.mark.django_db


class Fails:
    """Work that fails so many times with the error, and then is done."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error, self.tried = times, error, 0

    def __call__(self) -> None:
        self.tried += 1
        self.left -= 1
        if self.left >= 0:
            raise self.error


LOCKED = OperationalError("database is locked")


@pytest.mark.parametrize("times", [0, 1, 3])
def test_work_is_done_once_the_database_can(times: int) -> None:
    work = Fails(times, LOCKED)
    outlast(work, pauses_seconds=(0, 0, 0))
    assert work.tried == times + 1


def test_an_outage_that_lasts_is_raised_after_the_last_pause() -> None:
    work = Fails(9, LOCKED)
    with pytest.raises(OperationalError, match="locked"):
        outlast(work, pauses_seconds=(0, 0, 0))
    assert work.tried == 4


@pytest.mark.parametrize("defect", [IntegrityError("a rule is broken"), ValueError("a defect")])
def test_a_defect_of_ours_is_not_repeated(defect: Exception) -> None:
    work = Fails(1, defect)
    with pytest.raises(type(defect)):
        outlast(work, pauses_seconds=(0, 0, 0))
    assert work.tried == 1
