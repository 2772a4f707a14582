"""A database that is away for a moment, by a clock that nobody waits for."""

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from tuner.running.study_patience import Patience, PatientStorage, is_database_lost


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
    try:
        try:
            raise OperationalError("select", {}, Away())
        finally:
            raise ValueError
    except ValueError as error:
        assert is_database_lost(error)
    assert not is_database_lost(ValueError())


@pytest.fixture
def storage(tmp_path):
    """A storage whose next sessions break off at the moments that a test names."""
    storage = PatientStorage(f"sqlite:///{tmp_path / 'study.db'}")
    moments = []
    session = storage.scoped_session

    class Session:
        def __call__(self):
            found = session()
            if moments:
                break_off(found, moments.pop(0))
            return found

        remove = staticmethod(session.remove)

    storage.scoped_session = Session()
    return storage, moments


def break_off(session, moment):
    commit = session.commit

    def broken():
        session.commit = commit
        if moment == "after the commit":
            commit()
        raise OperationalError("commit", {}, Away())

    session.commit = broken


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_what_broke_off_is_asked_once_more(storage, moment):
    storage, moments = storage
    trial = storage.create_new_trial(storage.create_new_study([StudyDirection.MAXIMIZE], "run"))
    moments.append(moment)
    storage.set_trial_user_attr(trial, "name", "a")
    moments.append(moment)
    assert storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])
    (row,) = storage.get_all_trials(storage.get_study_id_from_name("run"))
    assert (row.user_attrs, row.value, row.state) == ({"name": "a"}, 0.5, TrialState.COMPLETE)
