import pytest

from tuner.estimate.speed import measure_speed


class Clock:
    """A clock on which every reading takes as long as the rows that were trained since."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def counting_spec(fake_spec, fake):
    """A spec whose tasks take 1 s a 100 rows, and the clock they run on."""
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
            return {}

    object.__setattr__(fake_spec, "build_task", lambda config, data, device: Task(config, data))
    return fake_spec, clock, sizes


def data(fake, num_train):
    return fake.FakeData(
        name="d", digest="", train=list(range(num_train)), val=list(range(num_train // 10))
    )


def test_the_whole_of_small_data(counting_spec, fake):
    spec, clock, sizes = counting_spec
    speed = measure_speed(spec, fake.FakeConfig(), data(fake, 50), clock=clock)
    assert speed == pytest.approx(100)
    assert sizes[-1] == (50, 5)


def test_large_data_stop_at_the_budget(counting_spec, fake):
    spec, clock, sizes = counting_spec
    speed = measure_speed(spec, fake.FakeConfig(), data(fake, 100_000), clock=clock, budget_s=10)
    assert speed == pytest.approx(100)
    assert clock.now < 10
    assert sizes[-1][0] > 100
    assert sizes[-1][1] == pytest.approx(sizes[-1][0] / 10, rel=0.1)


def test_data_without_rows(fake_spec, fake):
    assert measure_speed(fake_spec, fake.FakeConfig(), object()) is None
