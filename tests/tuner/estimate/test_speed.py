import os
import signal

import pytest

from models.errors import UserError
from tuner.estimate.speed import measure_epoch, measure_search_epochs, num_measured
from tuner.search.machine import worker_niceness


class Clock:
    """A clock on which every reading takes as long as the rows that were trained since."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def counting_spec(fake_spec, fake):
    """A spec whose tasks take 1 s a 100 rows and more to validate, and the clock they run on."""
    clock = Clock()
    sizes = []

    class Task(fake.FakeTask):
        def __init__(self, config, dataset):
            super().__init__(config, "cpu")
            self.dataset = dataset

        def train_epoch(self, epoch):
            sizes.append((len(self.dataset.train), len(self.dataset.val)))
            clock.now += len(self.dataset.train) / 100
            return {}

        def evaluate(self):
            return self.evaluate_on(self.dataset.val)

        def evaluate_on(self, rows):
            clock.now += fake_spec.fixed_s + len(rows) / 1000
            return {}

    object.__setattr__(fake_spec, "fixed_s", 0.0)
    object.__setattr__(fake_spec, "build_task", lambda config, data, device: Task(config, data))
    return fake_spec, clock, sizes


def data(fake, num_train):
    return fake.FakeData(
        name="d", digest="", train=list(range(num_train)), val=list(range(num_train // 10))
    )


def test_the_whole_of_small_data(counting_spec, fake):
    spec, clock, sizes = counting_spec
    seconds = measure_epoch(spec, fake.FakeConfig(), data(fake, 50), clock=clock)
    assert seconds == pytest.approx(0.5 + 0.005)
    assert sizes[-1] == (50, 5)


@pytest.mark.parametrize("fixed_s", [0.0, 0.5])
def test_large_data_stop_at_the_budget(counting_spec, fake, fixed_s):
    spec, clock, sizes = counting_spec
    object.__setattr__(spec, "fixed_s", fixed_s)
    given = data(fake, 100_000)
    seconds = measure_epoch(spec, fake.FakeConfig(), given, clock=clock, budget_s=10)
    # What validation takes beside its rows is not taken for each part of the data again.
    assert seconds == pytest.approx(1000 + 10 + fixed_s)
    assert clock.now < 11.5
    assert 100 < sizes[-1][0] < 1000
    assert sizes[-1][1] == pytest.approx(sizes[-1][0] / 10, rel=0.1)


@pytest.mark.parametrize("slow", [1, 2])
def test_an_epoch_that_waits_for_others_does_not_count(counting_spec, fake, slow):
    spec, clock, _ = counting_spec
    build = spec.build_task

    def build_one_that_waits(*given):
        task = build(*given)
        train_soon = task.train_epoch

        def train_late(epoch):
            clock.now += 7 * (epoch == slow)
            return train_soon(epoch)

        task.train_epoch = train_late
        return task

    object.__setattr__(spec, "build_task", build_one_that_waits)
    seconds = measure_epoch(spec, fake.FakeConfig(), data(fake, 50), clock=clock)
    assert seconds == pytest.approx(0.5 + 0.005)


def test_a_part_for_a_card_has_many_batches_at_once(counting_spec, fake):
    spec, clock, sizes = counting_spec
    config, given = fake.FakeConfig(), data(fake, 100_000)
    measure_epoch(spec, config, given, device="cuda", clock=clock, budget_s=0.1)
    assert sizes == [(65, 7), (65, 7)]  # 64, and what is left over


def test_data_without_rows(fake_spec, fake):
    assert measure_epoch(fake_spec, fake.FakeConfig(), object()) is None


@pytest.mark.parametrize(("num_parallel", "num_points"), [(1, 6), (2, 6), (4, 8), (13, 13)])
def test_every_process_measures_as_many_points(num_parallel, num_points):
    assert num_measured(num_parallel) == num_points
    assert num_measured(num_parallel, whole_cards=True) == 4


@pytest.fixture
def measure_side_by_side(make_search, fake, tmp_path):
    """Measures with three processes whose tasks do as they are told; returns who trained what."""

    def measure(train=lambda: None):
        search = make_search("space.lr={uniform: [0.1, 0.9]}")

        class Task(fake.FakeTask):
            def train_epoch(self, epoch):
                with (tmp_path / str(os.getpid())).open("a") as file:
                    file.write(f"{self.config.lr} ")
                train()
                return {}

            def evaluate(self):
                return {}

        object.__setattr__(search.spec, "build_task", lambda config, *where: Task(config, "cpu"))
        configs = [search.config_for({"lr": lr}) for lr in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)]
        epochs_s = measure_search_epochs(search, configs, data(fake, 8), num_parallel=3)
        assert len(epochs_s) == 6
        return {int(file.name): file.read_text().split() for file in tmp_path.glob("[0-9]*")}

    return measure


def test_trials_side_by_side_are_measured_side_by_side(measure_side_by_side):
    trained = measure_side_by_side()
    assert len(trained) == 3
    assert os.getpid() not in trained
    assert sorted(map(set, trained.values()), key=min) == [
        {"0.2", "0.5"}, {"0.3", "0.6"}, {"0.4", "0.7"},
    ]  # fmt: skip


@pytest.mark.parametrize(("said", "niceness"), [(None, 15), ("7", 7)])
def test_processes_that_measure_are_as_nice_as_workers(
    measure_side_by_side, monkeypatch, said, niceness
):
    def refuse_haste():
        if os.nice(0) < min(usual + niceness, 19):
            raise UserError("a trial of the search would get less of a busy machine")

    monkeypatch.delenv("RAY_worker_niceness", raising=False)
    if said:
        monkeypatch.setenv("RAY_worker_niceness", said)
    assert worker_niceness() == niceness
    usual = os.nice(0)
    measure_side_by_side(refuse_haste)
    assert os.nice(0) == usual


def test_what_goes_wrong_in_a_process_that_measures_is_raised(measure_side_by_side):
    def fail():
        raise UserError("batch_size is too large")

    with pytest.raises(UserError, match="batch_size is too large"):
        measure_side_by_side(fail)


def test_a_process_that_measures_and_is_killed_is_told_of(measure_side_by_side):
    with pytest.raises(UserError, match=r"was killed.*memory.*--no_measure"):
        measure_side_by_side(lambda: os.kill(os.getpid(), signal.SIGKILL))
