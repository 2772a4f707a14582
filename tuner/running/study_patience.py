"""Patience with the database of a study, which may restart, or be cut off for a moment.

Whatever asks it takes a connection of a pool, which is tried first. Where that is dead a new one is
made, and this is where to wait. What was being asked when the connection broke is asked once more,
where that cannot do a thing twice.

SQLAlchemy is imported where there is a database only: it takes its time, and a machine may lack it.
"""

import functools
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage

from tuner.record.paths import RunPaths

PATIENCE_S = 60.0
_PAUSE_S = 1.0
_ASKED_AGAIN = (
    "get_all_trials",
    "get_trial",
    "get_study_directions",
    "get_study_system_attrs",
    "get_study_user_attrs",
    "set_study_system_attr",
    "set_study_user_attr",
    "set_trial_intermediate_value",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_system_attr",
    "set_trial_user_attr",
)
"""Methods of a storage that end alike when they are called twice. Making a trial does not: Optuna
tries that again by itself."""

logger = logging.getLogger(__name__)


class Patience:
    """Connects to a database, and waits for one that is away.

    Args:
        seconds: how long; once that was in vain it is not waited again before it has answered.
        clock: seconds that pass.
        sleep: waits.
    """

    def __init__(
        self,
        seconds: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._is_lost = False

    def connect(
        self, dialect: Any, record: Any, arguments: Sequence[Any], settings: Mapping[str, Any]
    ) -> Any:
        """Return a connection, as SQLAlchemy's event `do_connect` wants it."""
        deadline = self._clock() + self._seconds
        while True:
            try:
                connection = dialect.connect(*arguments, **settings)
            except dialect.loaded_dbapi.OperationalError as error:
                if self._is_lost or self._clock() > deadline:
                    self._is_lost = True
                    raise
                logger.warning("the study's database does not answer: %s", error)
                self._sleep(_PAUSE_S)
            else:
                self._is_lost = False
                return connection


class PatientStorage(RDBStorage):
    """A study in a database, which has answered once and is waited for from then on."""

    def __init__(self, url: str) -> None:
        super().__init__(url, engine_kwargs={"pool_pre_ping": True})
        from sqlalchemy import event

        event.listen(self.engine, "do_connect", Patience().connect)


def _asked_again(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def ask(storage: PatientStorage, *arguments: Any, **settings: Any) -> Any:
        try:
            return method(storage, *arguments, **settings)
        except StorageInternalError as error:
            if not is_database_lost(error):
                raise
            logger.warning("the study's database broke off: %s", error.__cause__)
        try:
            return method(storage, *arguments, **settings)
        except UpdateFinishedTrialError:  # it had been done, and the answer was lost
            return True

    return ask


for _name in _ASKED_AGAIN:
    setattr(PatientStorage, _name, _asked_again(getattr(RDBStorage, _name)))


def is_database_lost(error: BaseException | None) -> bool:
    """Return whether an exception comes of a database that was asked."""
    errors = sys.modules.get("sqlalchemy.exc")
    while errors is not None and error is not None:
        if isinstance(error, errors.DBAPIError):
            return True
        error = error.__cause__ or error.__context__  # Ray Tune raises what it only quotes
    return False


def database_lost_words(paths: RunPaths) -> str:
    """Return what is said of a run whose study's database is lost."""
    return (
        f"the study's database did not answer for {PATIENCE_S:.0f} s, so the search was ended; "
        f"what was recorded until then is in {paths.folder}: once it answers, go on with "
        f"`tuner resume {paths.handle}`"
    )
