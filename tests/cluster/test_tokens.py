"""Which clusters are sent the token, seen by control services that answer as Ray's does."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from cluster.errors import ClusterError
from cluster.tokens import send_token_if_wanted

OURS = "of-this-machine"


@contextmanager
def control_service(token=None, method="CheckAlive"):
    """Run something that speaks gRPC; with a token it refuses who has not this one."""

    def answer(request, context):
        sent = dict(context.invocation_metadata()).get("authorization")
        if token is not None and sent != f"Bearer {token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.method_handlers_generic_handler(
        "ray.rpc.NodeInfoGcsService", {method: grpc.unary_unary_rpc_method_handler(answer)}
    )
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with a token, of which nothing was said."""
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_MODE", "")  # so that it is put back afterwards
    del os.environ["RAY_AUTH_MODE"]
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(OURS + "\n")
    return tmp_path


def test_cluster_that_wants_the_token_is_sent_it() -> None:
    with control_service(OURS) as address:
        send_token_if_wanted(address)
    assert os.environ["RAY_AUTH_MODE"] == "token"


def test_cluster_without_a_token_is_sent_none() -> None:
    with control_service() as address:
        send_token_if_wanted(address)
    assert "RAY_AUTH_MODE" not in os.environ


def test_token_in_the_environment_beats_the_file(monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    with control_service("another") as address:
        send_token_if_wanted(address)
    assert os.environ["RAY_AUTH_MODE"] == "token"


def test_cluster_of_this_machine_is_found_by_its_file(machine, monkeypatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(machine))
    (machine / "ray").mkdir()
    with control_service() as address:
        (machine / "ray" / "ray_current_cluster").write_text(address)
        send_token_if_wanted("auto")
    assert "RAY_AUTH_MODE" not in os.environ


@pytest.mark.parametrize("left", ["127.0.0.1:1", "", None])
def test_head_that_only_ray_can_find_is_sent_the_token(left, machine, monkeypatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(machine))
    (machine / "ray").mkdir()
    if left is not None:  # of a head that was killed
        (machine / "ray" / "ray_current_cluster").write_text(left)
    send_token_if_wanted("auto")
    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize(
    ("wanted", "mode", "problem"),
    [
        ("another", None, "wants its token, and the token of this machine is another"),
        (OURS, "disabled", "RAY_AUTH_MODE=disabled keeps it back: unset RAY_AUTH_MODE"),
        (None, "token", "wants no token, and RAY_AUTH_MODE=token wants one of its workers"),
    ],
)
def test_what_does_not_go_together_is_told_at_once(wanted, mode, problem, monkeypatch) -> None:
    if mode is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    with control_service(wanted) as address, pytest.raises(ClusterError, match=problem):
        send_token_if_wanted(address)


def test_machine_without_a_token_is_told_where_it_belongs(machine) -> None:
    (machine / ".ray" / "auth_token").unlink()
    said = "wants its token, and there is none here: put the cluster's into ~/.ray/auth_token"
    with control_service("another") as address, pytest.raises(ClusterError, match=said):
        send_token_if_wanted(address)


def test_what_is_no_ray_head_is_told_at_once() -> None:
    said = "is no Ray head's control service: give the address that `ray start --head` printed"
    with (
        control_service(method="AnotherMethod") as address,
        pytest.raises(ClusterError, match=said),
    ):
        send_token_if_wanted(address)
