"""The driver's log file: our messages and Ray's, which stay off the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LEVELS = {"tuner": logging.INFO, "ray": logging.ERROR}
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _QuietHandler(logging.FileHandler):
    """Writes to a file, and drops what a full disk does not take."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do not print the traceback of a message that could not be written."""

    def close(self) -> None:
        """Close the file, with what it does not take dropped."""
        with suppress(OSError):
            super().close()


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Send the loggers of the service and of Ray to a file inside the block, and nowhere else."""
    handler = _QuietHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter(_FORMAT))
    before = {}
    for name, level in _LEVELS.items():
        logger = logging.getLogger(name)
        before[name] = (logger.handlers, logger.level, logger.propagate)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    try:
        yield
    finally:
        for name, (handlers, level, propagate) in before.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        handler.close()
