import socket

import pytest

from tuner.errors import RayLost
from tuner.running.ray_watch import RayWatch


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_service_that_answers_is_not_lost(server, clock):
    watch = RayWatch({"GCS": server.getsockname()}, 2.0, lambda: clock[0])
    for clock[0] in (1.0, 5.0, 9.0):
        watch.check()


def test_a_service_is_lost_after_a_while(server, clock):
    watch = RayWatch({"its GCS": server.getsockname()}, 2.0, lambda: clock[0])
    watch.check()
    server.close()
    clock[0] = 1.9
    watch.check()
    clock[0] = 2.0
    with pytest.raises(RayLost, match="Ray was lost: its GCS is gone"):
        watch.check()


def test_a_service_that_comes_back_is_not_lost(server, clock):
    host, port = server.getsockname()
    watch = RayWatch({"GCS": (host, port)}, 2.0, lambda: clock[0])
    server.close()
    clock[0] = 1.9
    watch.check()
    with socket.create_server((host, port)):
        clock[0] = 3.0
        watch.check()
    clock[0] = 4.9
    watch.check()


def test_the_path_of_a_socket(tmp_path, clock):
    watch = RayWatch({"raylet": str(tmp_path / "none")}, 2.0, lambda: clock[0])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        RayWatch({"raylet": str(tmp_path / "socket")}, 0.0, lambda: clock[0]).check()
    clock[0] = 2.0
    with pytest.raises(RayLost, match="raylet is gone"):
        watch.check()
