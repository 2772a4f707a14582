"""Brings notifications to a webhook or a command, each in a thread of its own.

Whoever sends one does not wait. What cannot be delivered is said once, and noted in the log.
"""

import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from models.errors import UserError
from tuner.search.webhooks import hidden_urls

logger = logging.getLogger(__name__)

Notification: TypeAlias = Mapping[str, Any]

_MOST_WAITING = 32
_ANSWER_S = 10.0
"""How long a webhook may take to answer."""
_COMMAND_S = 30.0
_NUM_TRIES = 3
_LONGEST_WAIT_S = 20
"""What a server may ask for between two tries."""
_TRY_AGAIN = (429, 500, 502, 503, 504)


class Delivery:
    """Delivers notifications in their order, the oldest of too many dropped.

    Args:
        what: to whom, for people; no secrets.
        deliver: brings one; raises `UserError` with the reason where it cannot.
        say: takes a line for people.
        give_up: ends what `deliver` does in another thread, when it takes too long.
    """

    def __init__(
        self,
        what: str,
        deliver: Callable[[Notification], None],
        say: Callable[[str], None],
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._what = what
        self._deliver = deliver
        self._say = say
        self._give_up = give_up
        self._waiting: deque[Notification] = deque(maxlen=_MOST_WAITING)
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_spoken = False
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    def send(self, notification: Notification) -> None:
        """Take a notification, and return at once."""
        with self._changed:
            if len(self._waiting) == _MOST_WAITING:
                logger.warning("%s: one of too many notifications is dropped", self._what)
            self._waiting.append(notification)
            self._changed.notify()

    def close(self, patience_s: float) -> None:
        """Wait until all are delivered, for at most so many seconds."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            with self._changed:
                self._waiting.clear()
            self._fail(f"no end of the delivery within {patience_s:.0f} s")
            self._give_up()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                notification = self._waiting.popleft()
            try:
                self._deliver(notification)
            except (UserError, OSError) as error:
                self._fail(str(error))

    def _fail(self, reason: str) -> None:
        said = f"{self._what} cannot be told ({reason})"
        if self._has_spoken:
            logger.warning(said)
        else:
            self._has_spoken = True
            self._say(f"{said}; the search goes on")


def webhook(url: str) -> Callable[[Notification], None]:
    """Return what posts a notification as JSON.

    A server that is busy or cannot be reached is asked again, one that may have taken the
    notification without an answer is not.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    again = Retry(
        total=_NUM_TRIES - 1,
        read=False,
        other=0,
        redirect=False,
        backoff_factor=0.5,
        status_forcelist=_TRY_AGAIN,
        allowed_methods=None,
        raise_on_status=False,
        retry_after_max=_LONGEST_WAIT_S,
    )
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=again))
    session.mount("https://", HTTPAdapter(max_retries=again))

    def deliver(notification: Notification) -> None:
        try:
            # The answer's content is nobody's concern, and may never end.
            with session.post(
                url, json=notification, timeout=_ANSWER_S, stream=True, allow_redirects=False
            ) as answer:
                status = answer.status_code
        except requests.Timeout as error:
            raise UserError(f"no answer within {_ANSWER_S:g} s") from error
        except requests.RequestException as error:  # whose text has the URL
            raise UserError(f"it cannot be reached: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise UserError(f"it answered {status}")

    return deliver


def webhook_name(url: str) -> str:
    """Return what a webhook is called in messages."""
    return f"the webhook {hidden_urls(url)}"


class Command:
    """Runs a shell command for a notification, with a limit on its time.

    It gets the JSON on its standard input, and the plain values as variables `TUNER_EVENT`, ...

    Args:
        line: what the shell runs.
        timeout_s: how long it may take.
    """

    def __init__(self, line: str, timeout_s: float = _COMMAND_S) -> None:
        self._line = line
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, notification: Notification) -> None:
        """Run it.

        Raises:
            UserError: it takes too long, or ends with another code than 0.
        """
        with tempfile.TemporaryFile() as errors:
            self._process = process = subprocess.Popen(
                ["sh", "-c", self._line],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, **_variables(notification)},
                start_new_session=True,
            )
            try:
                process.communicate(json.dumps(notification).encode(), timeout=self._timeout_s)
            except subprocess.TimeoutExpired as error:
                self.end()
                process.wait()
                raise UserError(f"it took more than {self._timeout_s:g} s and was ended") from error
            if process.returncode != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                logger.warning("the command said: %s", " | ".join(said[-3:]) or "nothing")
                raise UserError(f"it ended with {process.returncode}")

    def end(self) -> None:
        """End it if it runs, with all that it started."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _variables(notification: Notification) -> dict[str, str]:
    plain = {k: v for k, v in notification.items() if isinstance(v, str | int | float)}
    return {f"TUNER_{key.upper()}": str(value) for key, value in plain.items()}
