"""A database that is away for a moment, by a clock that nobody waits for."""

import pytest
from sqlalchemy.exc import OperationalError

from tuner.running.study_patience import Patience, is_database_lost


class Away(Exception):
    """What the driver of the database raises."""


class Database:
    """Answers to those who ask after it is back."""

    OperationalError = Away

    def __init__(self, back_s):
        self.now, self.back_s = 0.0, back_s
        self.loaded_dbapi = self

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def connect(self, host, *, user):
        if self.now < self.back_s:
            raise Away
        return f"{user} at {host}"


def ask(patience, database):
    return patience.connect(database, None, ["host"], {"user": "tuner"})


def test_a_database_that_restarts_is_waited_for():
    database = Database(back_s=20)
    patience = Patience(60, database.clock, database.sleep)
    assert ask(patience, database) == "tuner at host"
    assert database.now == 20


def test_one_that_stays_away_is_waited_for_once_only():
    database = Database(back_s=1000)
    patience = Patience(60, database.clock, database.sleep)
    for waited_s in (61, 61):
        with pytest.raises(Away):
            ask(patience, database)
        assert database.now == waited_s
    database.back_s = database.now
    assert ask(patience, database) == "tuner at host"
    database.back_s = database.now + 20
    assert ask(patience, database) == "tuner at host"  # it has answered, so it is waited for


def test_the_cause_of_an_error_tells_that_the_database_was_lost():
    try:
        try:
            raise OperationalError("select", {}, Away())
        except OperationalError as error:
            raise RuntimeError from error
    except RuntimeError as error:
        assert is_database_lost(error)
    assert not is_database_lost(ValueError())
