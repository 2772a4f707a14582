import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import UserError
from tuner.running import local_ray
from tuner.running.lean_ray import lean_start
from tuner.running.ray_session import (
    check_nodes,
    check_resources,
    living_nodes,
    num_parallel,
    num_slots,
    prepare_environment,
    ray_session,
)

LABELS = {"ray.io/accelerator-type": "H100", "ray.io/node-id": "f0", "zone": "a"}


@pytest.fixture
def nodes(monkeypatch):
    """Pretend that the cluster has a machine with 8 cores, and one with 4 and 2 GPUs."""
    import ray

    machines = [
        {"Alive": True, "Resources": {"CPU": 8.0}},
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 2.0}, "Labels": LABELS},
        {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: machines)


@pytest.mark.usefixtures("nodes")
class TestResources:
    @pytest.mark.parametrize("wanted", [{"CPU": 8}, {"CPU": 4, "GPU": 2}, {"GPU": 0.25}])
    def test_a_trial_that_fits_on_a_machine(self, wanted):
        check_resources(wanted, living_nodes())

    @pytest.mark.parametrize(
        ("wanted", "problem"),
        [
            ({"CPU": 9}, r"resources.cpu is 9, and the largest machine has 8: lower it"),
            ({"CPU": 1, "GPU": 4}, r"resources.gpu is 4, and the largest machine has 2"),
            ({"CPU": 8, "GPU": 1}, r"no node has all"),
        ],
    )
    def test_a_trial_that_is_too_large(self, wanted, problem):
        with pytest.raises(UserError, match=problem):
            check_resources(wanted, living_nodes())

    @pytest.mark.parametrize(
        ("wanted", "count"), [({"CPU": 1}, 12), ({"CPU": 3}, 3), ({"CPU": 1, "GPU": 0.5}, 4)]
    )
    def test_how_many_run_side_by_side(self, wanted, count):
        assert num_parallel(wanted, living_nodes()) == count


@pytest.mark.usefixtures("nodes")
class TestLabels:
    @pytest.mark.parametrize(
        "label", ["accelerator: H100", "zone: a", "zone: a, accelerator: H100"]
    )
    def test_trials_go_where_all_labels_are(self, make_search, label):
        search = make_search(f"resources={{cpu: 1, gpu: 0.5, label: {{{label}}}}}")
        check_nodes(search)
        assert num_slots(search) == 4

    def test_nodes_without_the_label_do_not_count(self, make_search):
        assert num_slots(make_search("resources={cpu: 1}")) == 12
        assert num_slots(make_search("resources={cpu: 1, label: {zone: a}}")) == 4

    def test_label_that_no_node_has(self, make_search):
        search = make_search("resources={cpu: 1, label: {accelerator: A100}}")
        rule = (
            r"resources.label is {'accelerator': 'A100'}: none of 2 nodes has all of these labels; "
            r"labels there are ray.io/accelerator-type=H100, zone=a: "
        )
        with pytest.raises(UserError, match=rule):
            check_nodes(search)

    def test_trial_too_large_for_the_nodes_with_the_label(self, make_search):
        search = make_search("resources={cpu: 8, label: {zone: a}}")
        with pytest.raises(UserError, match=r"resources.cpu is 8, and the largest machine has 4"):
            check_nodes(search)


def test_ray_is_imported_after_its_environment_is_set():
    code = "import sys, tuner.running.runner; print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.strip() == "False"


def test_what_the_user_has_set_wins(monkeypatch):
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    monkeypatch.delenv("TUNE_DISABLE_SIGINT_HANDLER", raising=False)
    prepare_environment()
    assert os.environ["RAY_AIR_NEW_OUTPUT"] == "1"
    assert os.environ["TUNE_DISABLE_SIGINT_HANDLER"] == "1"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:1", r"nothing answers at '127.0.0.1:1'.*check --address"),
        ("ray://head:10001", r"an address of Ray Client"),
    ],
)
def test_an_address_that_cannot_be_joined(monkeypatch, address, problem):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(UserError, match=problem), ray_session(address):
        pass


def test_a_cluster_of_another_python_is_told_with_both_versions(monkeypatch):
    import ray

    def init(**options):
        raise RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.3\n"
            "This process on node 10.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.11.2\n"
        )

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setenv("RAY_TMPDIR", "/nothing/there")
    said = r"Python: 3.12.3 This process .* Python: 3.11.2\): install the versions of the cluster"
    with pytest.raises(UserError, match=said), ray_session("auto"):
        pass


def test_a_temporary_folder_that_is_too_long_for_sockets(monkeypatch):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "x" * 40)
    with pytest.raises(UserError, match=r"RAY_TMPDIR is .* too long"), ray_session():
        pass


def test_a_temporary_folder_that_cannot_be_made(monkeypatch):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", "/proc/none")
    with pytest.raises(UserError, match=r"RAY_TMPDIR is /proc/none.*choose another"), ray_session():
        pass


def test_a_node_that_is_slow_is_waited_for(monkeypatch):
    from ray._private import services

    answers = [RuntimeError("not yet"), RuntimeError("not yet"), "node", RuntimeError("never")]

    def ask(*where):
        answer = answers.pop(0)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    monkeypatch.setattr(services, "get_node", ask)
    monkeypatch.setattr("tuner.running.lean_ray._POLL_S", 0.0)
    with lean_start():
        assert services.get_node("address", "id") == "node"
        monkeypatch.setattr("tuner.running.lean_ray._PATIENCE_S", -1.0)
        with pytest.raises(RuntimeError, match="never"):
            services.get_node("address", "id")


@pytest.mark.parametrize(("kept_to", "counted", "given"), [(2, 64, 2), (16, 4, None), (4, 4, None)])
def test_processors_that_are_kept_from_us_are_no_slots(monkeypatch, kept_to, counted, given):
    monkeypatch.setattr(local_ray, "usable_cores", lambda: kept_to)
    monkeypatch.setattr("ray._private.utils.get_num_cpus", lambda **options: counted)
    assert local_ray._fewer_cores() == given
