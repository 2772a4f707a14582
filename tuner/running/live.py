"""A search while it runs: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from models.training.console import duration
from tuner.record.outcomes import Outcome, with_cause
from tuner.record.trial_rows import TrialRow
from tuner.record.values import value_words
from tuner.running.board import NUM_SHOWN, Board, BoardRow
from tuner.running.observer import Observer

HEARTBEAT_S = 30.0
_STYLES = {
    "queued": "dim",
    "running": "cyan",
    "done": "green",
    "stopped": "yellow",
    "failed": "red",
    "interrupted": "magenta",
}


class LineView(Observer):
    """Writes a line for every ended trial and one every half minute."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        self._board = board
        self._stream = stream
        self._spoke = board.clock()

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before."""
        self._board.recall(row, ended=ended)

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._board.created(trial, number, params)

    def started(self, trial: str) -> None:
        """Take a trial that began to run, and write a line if it began anew."""
        row = self._board.rows[trial]
        if row.began is not None:
            self._say(f"trial {row.number}: lost its worker, starts again after epoch {row.epoch}")
        elif row.epoch:
            self._say(f"trial {row.number}: goes on after epoch {row.epoch}")
        self._board.started(trial)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take the metrics of an epoch."""
        self._board.reported(trial, epoch, metrics)

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Write a line about the trial that ended."""
        self._board.ended(trial, outcome)
        self._say(ended_line(self._board, self._board.rows[trial], outcome))

    def tick(self) -> None:
        """Write the heartbeat when nothing was said for half a minute."""
        if self._board.clock() - self._spoke >= HEARTBEAT_S:
            self._say(headline(self._board))

    def _say(self, line: str) -> None:
        self._spoke = self._board.clock()
        self._stream.write(line + "\n")
        self._stream.flush()


class TableView(LineView):
    """Keeps the board for a table that draws itself, from the first trial on.

    Args:
        start: begins to draw; until then the terminal belongs to the loading of the data.
    """

    def __init__(
        self, board: Board, stream: TextIO, start: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(board, stream)
        self._start = start

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        super().created(trial, number, params)
        self._start()

    def _say(self, line: str) -> None:
        """Say nothing: the table draws itself."""


@contextmanager
def show_search(board: Board, stream: TextIO) -> Iterator[LineView]:
    """Show the search on `stream` inside the block: a table on a terminal, else lines."""
    console = Console(file=stream)
    if not console.is_terminal:
        yield LineView(board, stream)
        return
    live = Live(
        get_renderable=lambda: render(board), console=console, refresh_per_second=4, transient=True
    )
    try:
        yield TableView(board, stream, live.start)  # which does nothing the second time
    finally:
        live.stop()


def render(board: Board) -> Group:
    """Return the table: the running trials, then the best, then the last ones to end."""
    titles = ("trial", "state", "epoch", board.metric, "last", "time")
    rows = [_cells(board, row) for row in visible_rows(board)]
    # The last column takes what is left; rich would otherwise shrink all columns for its sake.
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for title in titles:
        table.add_column(title, justify="left" if title == "state" else "right", no_wrap=True)
    table.add_column("parameters", overflow="ellipsis", no_wrap=True, ratio=1)
    for row in rows:
        table.add_row(*row)
    return Group(Text(headline(board), style="bold"), table)


def _cells(board: Board, row: BoardRow) -> tuple[Text, ...]:
    texts = (
        str(row.number),
        with_cause(row.state, row.cause),
        f"{row.epoch}/{board.max_epochs}",
        value_words(row.best),
        value_words(row.value),
        duration(board.seconds_of(row)),
        trial_words(board, row),
    )
    styles = ("", _STYLES[row.state], "", "bold green" if row is board.best else "", "", "", "")
    return tuple(Text(text, style=style) for text, style in zip(texts, styles, strict=True))


def visible_rows(board: Board, num_rows: int = NUM_SHOWN) -> list[BoardRow]:
    """Return the rows that fit on a screen: running trials first, then the most telling others."""
    rows = list(board.rows.values())
    running = [row for row in rows if row.state == "running"][:num_rows]
    others = [row for row in rows if row.state != "running"]
    best = board.ranked(others)[: (num_rows - len(running)) // 2]
    shown = {row.trial for row in [*running, *best]}
    latest = sorted(others, key=lambda row: -(row.ended or 0.0))
    rest = [row for row in latest if row.trial not in shown]
    return [*running, *best, *rest][:num_rows]


def headline(board: Board) -> str:
    """Return the state of the search in one line."""
    best = board.best
    parts = [
        f"{board.run}: {board.num_ended}/{board.num_trials} trials ended",
        f"{board.num_in_state('running')} running",
        f"best {value_words(best.best)} (trial {best.number})" if best else "no value yet",
        f"{duration(board.elapsed_s)} elapsed",
    ]
    if board.left_s is not None:
        parts.append(f"{duration(board.left_s)} left")
    return ", ".join(parts)


def ended_line(board: Board, row: BoardRow, outcome: Outcome) -> str:
    """Return what is said of a trial that ended: its best value, and its last where it differs."""
    value = f"{board.metric} {value_words(row.best)}" if row.best is not None else "no value"
    if row.best_epoch not in (None, row.epoch):
        value += f" at epoch {row.best_epoch}, last {value_words(row.value)}"
    text = (
        f"trial {row.number}: {with_cause(row.state, row.cause)}, {value} at epoch "
        f"{row.epoch}/{board.max_epochs}, {duration(board.seconds_of(row))}; "
        f"{trial_words(board, row)}"
    )
    return f"{text}: {outcome.message}" if outcome.message else text


def trial_words(board: Board, row: BoardRow) -> str:
    """Return what a trial tries: the name that it was given, else its values."""
    return board.names[row.number] if board.names else short_params(row.params)


def short_params(params: Mapping[str, Any]) -> str:
    """Return the values in a few characters each."""
    return " ".join(f"{key}={_short(value)}" for key, value in params.items())


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return ",".join(map(_short, value))
    return str(value)
