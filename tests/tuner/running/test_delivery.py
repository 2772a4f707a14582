"""Webhooks and commands, against servers of this machine that answer in every way."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tuner.running.delivery
from models.errors import UserError
from tuner.running.delivery import Command, Delivery, webhook, webhook_name

NOTE = {"event": "best", "message": "a: new best", "value": 0.5, "params": {"lr": 1}, "trial": 3}


class Server:
    """Answers with the given statuses in turn, the last one for ever; 0 never answers."""

    def __init__(self, *statuses, headers=()):
        server = self
        self.got = []
        self.hang = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
                status = statuses[min(len(server.got), len(statuses)) - 1]
                if status == 0:
                    server.hang.wait(30)
                    return
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/s3cret?token=abc"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.hang.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def serve():
    made = []

    def start(*statuses, **options):
        made.append(Server(*statuses, **options))
        return made[-1]

    yield start
    for server in made:
        server.close()


class TestWebhook:
    def test_json_is_posted(self, serve):
        server = serve(200)
        webhook(server.url)(NOTE)
        assert server.got == [("/services/s3cret?token=abc", "application/json", NOTE)]

    @pytest.mark.parametrize("statuses", [(500, 200), (503, 429, 204)])
    def test_a_busy_server_is_asked_again(self, serve, statuses):
        server = serve(*statuses)
        webhook(server.url)(NOTE)
        assert len(server.got) == len(statuses)

    @pytest.mark.parametrize(("status", "tries"), [(500, 3), (404, 1), (302, 1)])
    def test_a_refusal_is_told_by_its_status(self, serve, status, tries):
        server = serve(status, headers=[("Location", "/elsewhere")])
        with pytest.raises(UserError, match=f"^it answered {status}$"):
            webhook(server.url)(NOTE)
        assert len(server.got) == tries

    def test_a_server_that_hangs_is_asked_once(self, serve, monkeypatch):
        monkeypatch.setattr(tuner.running.delivery, "_ANSWER_S", 0.3)
        server = serve(0)
        with pytest.raises(UserError, match=r"^no answer within 0.3 s$"):
            webhook(server.url)(NOTE)
        wait_until(lambda: server.got)
        assert len(server.got) == 1

    def test_nobody_there(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        with pytest.raises(UserError, match="it cannot be reached: ConnectionError") as caught:
            webhook(f"http://127.0.0.1:{port}/s3cret")(NOTE)
        assert "s3cret" not in str(caught.value)

    def test_its_name_is_no_secret(self, serve):
        assert webhook_name(serve(200).url).endswith("/***")


class TestCommand:
    def test_it_gets_json_and_variables(self, tmp_path):
        Command(f"cat > {tmp_path}/in; env > {tmp_path}/env")(NOTE)
        assert json.loads((tmp_path / "in").read_text()) == NOTE
        variables = (tmp_path / "env").read_text().splitlines()
        assert {"TUNER_EVENT=best", "TUNER_VALUE=0.5", "TUNER_TRIAL=3"} <= set(variables)
        assert not any(line.startswith("TUNER_PARAMS") for line in variables)

    def test_one_that_does_not_read_is_all_right(self):
        Command("exit 0")({**NOTE, "params": {"text": "x" * 10**6}})

    def test_a_failure_is_told_by_its_code(self, caplog):
        with pytest.raises(UserError, match=r"^it ended with 3$"):
            Command("echo no mail >&2; exit 3")(NOTE)
        assert "no mail" in caplog.text

    def test_one_that_hangs_is_ended_with_all_that_it_started(self, tmp_path):
        line = f"sleep 60 & echo $! > {tmp_path}/child; sleep 60"
        with pytest.raises(UserError, match=r"^it took more than 2 s and was ended$"):
            Command(line, timeout_s=2.0)(NOTE)
        assert is_gone(int((tmp_path / "child").read_text()))

    def test_one_that_runs_at_the_end_is_ended_and_no_other_started(self, tmp_path):
        command = Command(f"sleep 60 & echo $! >> {tmp_path}/children; sleep 60")
        said = []
        delivery = Delivery("it", command, said.append, command.end)
        delivery.send(NOTE)
        delivery.send(NOTE)
        children = tmp_path / "children"
        wait_until(lambda: children.exists() and children.read_text())
        delivery.close(0.1)
        assert is_gone(int(children.read_text()))
        assert said == ["it cannot be told (no end of the delivery within 0 s); the search goes on"]


def is_gone(pid):
    def gone():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state in "ZX"

    return wait_until(gone)


def wait_until(found, patience_s=120):
    deadline = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


class TestDelivery:
    def test_sending_waits_for_nothing_and_keeps_the_order(self):
        got, go = [], threading.Event()

        def deliver(note):
            assert go.wait(60)
            got.append(note)

        delivery = Delivery("it", deliver, pytest.fail)
        for number in range(10):
            delivery.send({"number": number})
        assert got == []
        go.set()
        delivery.close(60)
        assert [note["number"] for note in got] == list(range(10))

    def test_of_too_many_the_oldest_are_dropped(self, caplog):
        got, go, busy = [], threading.Event(), threading.Event()

        def deliver(note):
            busy.set()
            go.wait(60)
            got.append(note["number"])

        delivery = Delivery("it", deliver, pytest.fail)
        delivery.send({"number": 0})
        busy.wait(60)
        for number in range(1, 41):
            delivery.send({"number": number})
        go.set()
        delivery.close(60)
        assert got == [0, *range(9, 41)]
        assert caplog.text.count("is dropped") == 8

    def test_failures_are_said_once_and_noted_always(self, caplog):
        said = []

        def deliver(note):
            raise UserError("it answered 500")

        delivery = Delivery("the webhook x", deliver, said.append)
        for _ in range(3):
            delivery.send(NOTE)
        delivery.close(60)
        assert said == ["the webhook x cannot be told (it answered 500); the search goes on"]
        assert caplog.text.count("cannot be told (it answered 500)") == 2

    def test_the_end_waits_for_a_moment_only(self):
        said, go = [], threading.Event()
        delivery = Delivery("it", lambda note: go.wait(300), said.append)
        delivery.send(NOTE)
        began = time.monotonic()
        delivery.close(0.2)
        assert time.monotonic() - began < 120
        assert said == ["it cannot be told (no end of the delivery within 0 s); the search goes on"]
        go.set()
