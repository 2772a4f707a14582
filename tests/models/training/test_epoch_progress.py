from models.training.epoch_progress import EpochProgress


class ToldConsole:
    def __init__(self):
        self.told = []

    def working(self, what, unit="rows"):
        self.told.append((what, unit))

    def on_rows(self, done, total):
        self.told.append((done, total))

    def line(self, text):
        raise AssertionError("an epoch in progress needs no line")


def test_batches_are_told_as_rows_and_then_validation():
    console = ToldConsole()
    progress = EpochProgress(
        console, num_epochs=9, num_rows=70, num_val_rows=1200, batch_size=32, unit="programs"
    )
    progress.begin(3)
    for done in (1, 2, 3):
        progress(done, 3)
    assert console.told == [
        ("epoch 3/9", "programs"),
        (32, 70),
        (64, 70),
        ("epoch 3/9, validation of 1,200 programs", "programs"),
    ]


def test_a_short_batch_before_the_last_counts_no_row_twice():
    console = ToldConsole()
    progress = EpochProgress(
        console, num_epochs=1, num_rows=70, num_val_rows=5, batch_size=40, unit="rows"
    )
    progress(2, 3)
    assert console.told == [(70, 70)]
