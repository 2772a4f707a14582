"""Patience with the database of a study, which may restart, or be cut off for a moment.

Whatever asks it takes a connection of a pool, which is tried first. Where that is dead a new one is
made, and this is where to wait: nothing was sent yet, so nothing is done twice.

SQLAlchemy is imported where there is a database only: it takes its time, and a machine may lack it.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tuner.record.paths import RunPaths

PATIENCE_S = 60.0
_PAUSE_S = 1.0

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


def wait_for_database(engine: Any) -> None:
    """Let an engine of SQLAlchemy, whose database has answered, wait for it from now on."""
    from sqlalchemy import event

    event.listen(engine, "do_connect", Patience().connect)


def is_database_lost(error: BaseException | None) -> bool:
    """Return whether an exception comes of a database that was asked."""
    errors = sys.modules.get("sqlalchemy.exc")
    while errors is not None and error is not None:
        if isinstance(error, errors.DBAPIError):
            return True
        error = error.__cause__
    return False


def database_lost_words(paths: RunPaths) -> str:
    """Return what is said of a run whose study's database is lost."""
    return (
        f"the study's database did not answer for {PATIENCE_S:.0f} s, so the search was ended; "
        f"what was recorded until then is in {paths.folder}: once it answers, go on with "
        f"`tuner resume {paths.handle}`"
    )
