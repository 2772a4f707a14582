"""How many trials share a GPU best: what is chosen of what is measured, and the measuring."""

import pytest

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.commands.search import begun_run
from tuner.errors import RunExists, SearchInvalid
from tuner.record.environment import render
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.running import gpu_share, share_trainer
from tuner.running.gpu_share import (
    GpuShare,
    job_of,
    measured_share,
    memory_ratio,
    refuse_auto_elsewhere,
    shared_pace,
    trainers,
    with_gpu_share,
)
from tuner.running.side_by_side import TrainersLost
from tuner.search.loading import load_search
from tuner.search.machine import Machine

MACHINE = Machine(cpu=16, gpu=1, memory_gb=64)


class Card:
    """Measures nothing: totals by the number of trials, and what fails."""

    def __init__(self, *speeds, peak_mb=1000.0, total_mb=80_000.0, lost_from=99):
        self.speeds = dict(zip((1, 2, 4, 8, 16), speeds, strict=False))
        self.peak_mb, self.total_mb, self.lost_from = peak_mb, total_mb, lost_from
        self.asked = []

    def rows_per_s(self, count):
        self.asked.append(count)
        if count >= self.lost_from:
            raise TrainersLost("it ended: CUDA out of memory")
        return self.speeds[count]


def test_the_best_total_is_taken():
    found = measured_share(Card(207e3, 240e3, 300e3, 384e3, 359e3), cores=16, cost_ratio=1.0)
    assert (found.num_trials, found.share) == (8, 0.125)
    assert found.words == (
        "resources.gpu: auto measured rows/s of all trials on a GPU together, by their number: "
        "1: 207,000, 2: 240,000, 4: 300,000, 8: 384,000, 16: 359,000; taken: 8, gpu: 0.125"
    )


def test_of_nearly_equal_totals_fewer_trials_are_taken():
    assert measured_share(Card(100, 199, 200, 203, 204), cores=16, cost_ratio=1.0).num_trials == 2


@pytest.mark.parametrize(
    ("card", "cores", "ratio", "asked", "limits"),
    [
        (Card(1, 2, 3, 4, 5), 4, 1.0, [1, 2, 4], "more than 4 have no core each"),
        (Card(1, 2, 3, 4, 5), 16, 9.0, [1, 2, 4, 8], "takes about 9,000 MB of a card's 80,000, so"),
        (Card(1, 2, 3, 4, 5, lost_from=8), 16, 1.0, [1, 2, 4, 8], "8 did not train: it ended"),
        (Card(1, peak_mb=9e9), 16, 1.0, [1], "so that 0 fit"),
    ],
)
def test_numbers_that_do_not_fit_are_not_taken(card, cores, ratio, asked, limits):
    found = measured_share(card, cores=cores, cost_ratio=ratio)
    assert card.asked == asked
    assert limits in found.words


def test_a_preset_that_does_not_train_is_told():
    with pytest.raises(UserError, match=r"does not train here .*out of memory.*give a share"):
        measured_share(Card(1, lost_from=1), cores=16, cost_ratio=1.0)


def test_larger_models_of_the_space_count_by_what_the_model_says_of_its_memory():
    def cost(memory_mb):
        return ModelCost(num_parameters=1, checkpoint_mb=1, memory_mb=memory_mb, rows_per_epoch=1)

    assert memory_ratio(cost(200), cost(500)) == 2.5
    assert memory_ratio(cost(200), cost(100)) == 1.0


def test_processes_train_side_by_side():
    overrides = ["data={dataset: equations, num_rows: 60}", "resources.cpu=1"]
    search = load_search("grammar_vae/quickstart", overrides)
    said = []
    dataset = search.spec.load_data(search.data, None)
    job = job_of(search, [search.base_config], dataset, "cpu", 32)
    with trainers(job, said.append, 0.2) as running:
        found = measured_share(running, cores=2, cost_ratio=1.0, counts=(1, 2, 4))
        pids = [process.pid for process in running._processes]
        assert 50 < running.peak_mb < running.total_mb
    assert set(found.rows_per_s) == {1, 2} and all(s > 0 for s in found.rows_per_s.values())
    assert len(pids) == 2 and all(process.returncode for process in running._processes)


def test_only_who_asks_for_an_epoch_waits_for_a_validation_on_all_rows(monkeypatch):
    overrides = ["data={dataset: equations, num_rows: 400}", "resources.cpu=1"]
    search = load_search("grammar_vae/quickstart", overrides)
    dataset = search.spec.load_data(search.data, None)
    trial = share_trainer._Trial(job_of(search, [search.base_config], dataset, "cpu", 1), 0)
    beside = []  # validations of other rows than the part's
    monkeypatch.setattr(trial._task, "evaluate_on", beside.append)
    assert trial.speed(0.01).keys() == {"rows_per_s"}
    assert not beside
    assert trial.epoch(0.01)["epoch_s"] > 0
    assert len(beside) == 1


def test_a_process_that_ends_says_why(make_search):
    search = make_search()  # of a model that other processes do not know
    data = search.spec.load_data(search.data, None)
    lost = pytest.raises(TrainersLost, match=r"it ended: .*fake")
    job = job_of(search, [search.base_config], data, "cpu", 32)
    with trainers(job, print) as running, lost:
        running.rows_per_s(1)


def test_points_of_the_space_train_beside_each_other(monkeypatch):
    monkeypatch.setattr(gpu_share, "_SECONDS_OF_CHECK", 0.2)
    overrides = ["data={dataset: equations, num_rows: 60}", "resources.cpu=1"]
    search = load_search("grammar_vae/quickstart", overrides)
    dataset = search.spec.load_data(search.data, None)
    configs = [search.config_for({"lr": lr}) for lr in (0.001, 0.002, 0.003)]
    pace = shared_pace(search, configs, dataset, 2, say=print, device="cpu")
    assert len(pace.epochs_s) == 4 and min(pace.epochs_s) > 0
    assert 0 <= pace.trial_s < 5 and 0 < pace.alone <= 1
    no_settings = [*configs[:2], None]  # comes after the first two
    with pytest.raises(UserError, match=r"2 trials do not train.*replace\(\)"):
        shared_pace(search, no_settings, dataset, 2, say=print, device="cpu")


def test_trials_that_do_not_train_beside_each_other_are_told(make_search):
    search = make_search()  # of a model that other processes do not know
    data = search.spec.load_data(search.data, None)
    with pytest.raises(
        UserError, match=r"^2 trials do not train.*fake.*resources.gpu.*--no_measure"
    ):
        shared_pace(search, [search.base_config], data, 2, say=print, device="cpu")


@pytest.fixture
def auto(make_search):
    return make_search("resources.gpu=auto")


def test_a_search_leaves_the_share_open_until_it_is_measured(auto, monkeypatch, tmp_path):
    assert auto.gpu_is_auto
    assert auto.to_mapping()["resources"]["gpu"] == "auto"
    measured = GpuShare(rows_per_s={1: 100.0, 2: 180.0, 4: 150.0})
    monkeypatch.setattr(gpu_share, "measured_share", lambda *given, **named: measured)
    said = []
    search, found = with_gpu_share(auto, auto.spec.load_data(auto.data, None), None,
                                   say=said.append, machine=MACHINE)  # fmt: skip
    assert found is measured and said[-1] == measured.words
    paths = RunPaths(tmp_path / "runs" / "one")
    paths.folder.mkdir(parents=True)
    write_search(search, paths)
    kept = read_search(paths)  # as a resume reads it
    assert (kept.resources.gpu, kept.gpu_is_auto) == (0.5, False)
    assert render({"gpu_share": {"1": 100.0}})


def test_elsewhere_and_without_a_gpu_it_is_refused(auto):
    with pytest.raises(UserError, match=r"on a cluster: give a share, as 0\.125; `tuner check`"):
        refuse_auto_elsewhere(auto, "head:6379")
    refuse_auto_elsewhere(auto, None)
    machine = Machine(cpu=4, gpu=0, memory_gb=8)
    with pytest.raises(UserError, match="this machine has 0 GPUs: take 0"):
        with_gpu_share(auto, None, None, say=print, machine=machine)
    with pytest.raises(SearchInvalid, match=r"resources\.gpu is 'auto': it measures how many .*"
                                            r"this machine has 0 GPUs: take 0"):  # fmt: skip
        load_search("grammar_vae/quickstart", ["resources.gpu=auto"], machine=machine)


def test_the_same_command_goes_on_with_what_was_measured(auto, make_search, new_run):
    run = new_run("first", make_search("resources.gpu=0.5"))
    assert begun_run(auto, "first") == run.paths
    with pytest.raises(RunExists):  # of another search
        begun_run(make_search("resources.gpu=auto", "budget.num_trials=9"), "first")
