"""Progress: lines for files, bars for terminals, always on the stream given."""

import io

from models.commands.progress import show_progress, silent


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_file_gets_a_line_for_every_tenth():
    stream = io.StringIO()
    with show_progress(stream) as progress:
        for done in range(0, 1001, 50):
            progress("tokenise", done, 1000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "tokenise: 100/1,000"
    assert lines[-1] == "tokenise: 1,000/1,000"


def test_pieces_of_work_are_counted_apart_and_a_total_of_zero_is_done():
    stream = io.StringIO()
    with show_progress(stream) as progress:
        progress("one", 5, 5)
        progress("two", 0, 0)
        progress("one", 5, 5)
    assert stream.getvalue() == "one: 5/5\ntwo: 0/0\n"


def test_lines_go_to_stderr_by_default(capsys):
    with show_progress() as progress:
        progress("tokenise", 2, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "tokenise: 2/2\n"


def test_a_terminal_gets_a_bar_that_ends_full(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with show_progress(stream) as progress:
        for done in (0, 3, 10):
            progress("tokenise", done, 10)
    assert "tokenise" in stream.getvalue()
    assert "10/10" in stream.getvalue()


def test_silent_says_nothing(capsys):
    silent("tokenise", 1, 2)
    assert capsys.readouterr() == ("", "")
