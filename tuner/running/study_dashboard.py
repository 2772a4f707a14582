"""optuna-dashboard on the study of one run, for this machine alone and to look at only.

The page could rename and delete the study that a running search writes to, so requests that change
something are refused. A resume writes the study's journal anew: the page then starts from it.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from models.errors import UserError
from tuner.running.study import open_storage
from tuner.running.study_place import StudyPlace

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

_READING = ("GET", "HEAD")
_OURS = ("127.0.0.1", "localhost")
"""Names under which a browser may ask, through a tunnel too: no foreign page can."""

WsgiApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Dashboard:
    """A server of the page; it listens from the start, and answers while `serve` runs.

    Args:
        place: where the study is.
        port: to listen on; 0 takes a free one.

    Raises:
        UserError: optuna-dashboard is missing, the study cannot be read, or the port is taken.
    """

    def __init__(self, place: StudyPlace, port: int) -> None:
        number = _study_id(place)
        app = _reading_only(_Pages(place))
        try:
            self._server = make_server(HOST, port, app, _Server, _QuietHandler)
        except OSError as error:
            raise UserError(
                f"port {port} of {HOST} cannot be used ({error.strerror}): give another --port, "
                "0 for any that is free"
            ) from error
        self.url = f"http://{HOST}:{self._server.server_port}/dashboard/studies/{number}"

    def serve(self) -> None:
        """Answer until an exception, as Ctrl-C is one, ends it."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print no traceback of a browser that has gone."""
        logger.debug("a request failed", exc_info=True)


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of requests."""


class _Pages:
    """optuna-dashboard's application, made again where the study's file is another one."""

    def __init__(self, place: StudyPlace) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._file = _identity(place)
        self._app = _application(place)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            file = _identity(self._place)
            if file is not None and file != self._file:
                self._file, self._app = file, _application(self._place)
            app = self._app
        return app(environ, start)


def _application(place: StudyPlace) -> WsgiApp:
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise UserError(
            "optuna-dashboard is not installed here: pip install optuna-dashboard"
        ) from error
    logging.getLogger("optuna_dashboard").setLevel(logging.ERROR)
    return wsgi(open_storage(place.location))


def _identity(place: StudyPlace) -> int | None:
    """Return which file the study is in; None for a database, or while there is none."""
    if isinstance(place.location, str):
        return None
    try:
        return place.location.stat().st_ino
    except OSError:
        return None


def _study_id(place: StudyPlace) -> int:
    if isinstance(place.location, Path) and not place.location.exists():
        raise UserError(f"{place.location}: there is no study yet: wait for the first trial")
    studies = open_storage(place.location).get_all_studies()
    found = next((study for study in studies if study.study_name == place.name), None)
    if found is None:
        raise UserError(f"the database has no study {place.name!r}: check the URL of --storage")
    return found._study_id


def _reading_only(app: WsgiApp) -> WsgiApp:
    def guarded(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0] or environ.get("HTTP_HOST")
        if host in _OURS and environ["REQUEST_METHOD"] in _READING:
            return app(environ, start)
        reason = "This dashboard only shows the study: the search writes to it."
        start("403 Forbidden", [("Content-Type", "application/json")])
        return [json.dumps({"reason": reason}).encode()]

    return guarded
