import pytest

from models.commands.process import USER_ERROR
from tuner.cli import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("serch x", "error: unknown command 'serch'. Did you mean 'search'? Known: check, cluster"),
        ("presets shwo x", "unknown action 'shwo'. Did you mean 'show'? Known: diff, list, show"),
        ("completion bsh", "unknown shell 'bsh'. Did you mean 'bash'? Known: bash, zsh. `tuner"),
        ("search x --trails 3", "unknown flag --trails. Did you mean '--trials'? `tuner search --"),
        ("show --jsn x --qq", "--jsn. Did you mean '--json'?; unknown flag --qq. `tuner show --"),
        ("show a b", "'b' is one word too many. `tuner show --help` says what can be given"),
        ("show", "error: the following arguments are required: run. `tuner show --help`"),
        ("export x --csv a --jsonl b", "not allowed with argument --csv. `tuner export --help`"),
    ],
)
def test_what_is_mistyped_is_told_with_what_was_meant(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == USER_ERROR
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_flags_may_be_written_with_hyphens(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "x", "--no-improvement=3", "--gpu-hours", "1"]) == USER_ERROR
    assert "unknown run" in capsys.readouterr().err
