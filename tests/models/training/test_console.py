"""What a training run shows, in files and on terminals."""

import io

from models.training.console import open_console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_file_gets_lines_alone():
    stream = io.StringIO()
    with open_console(stream) as console:
        console.on_batch(1, 2)
        console.line("epoch 1/2 [bold]")
    assert stream.getvalue() == "epoch 1/2 [bold]\n"


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with open_console(stream) as console:
        console.on_batch(1, 2)
        console.line("epoch 1/2 [bold] " + "x" * 200)
    shown = stream.getvalue()
    assert "epoch 1/2 [bold] " + "x" * 200 in shown
    assert "batches" in shown
    assert "\x1b[2K" in shown  # the bar's line is erased
