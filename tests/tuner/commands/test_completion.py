"""Completion as a shell does it: the script is sourced, then asked for what follows some words."""

import os
import pty
import select
import shutil
import subprocess
import time

import pytest

from tuner.cli import main

ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}"
{function}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def complete(tmp_path, capsys, monkeypatch):
    """Return a function that gives what bash offers for the last of some words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_RUNS", raising=False)
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)

    def ask(words):
        command = ASK.format(script=script, words=words, function="_shtab_tuner")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tuner se", ["search"]),
        (
            "tuner search gra",
            "beta_annealing kl_recipe pde_accuracy pde_best pde_latent pde_rate pde_small "
            "pde_smallest quickstart".split(),
        ),
        ("tuner search --na", ["--name"]),
        ("tuner presets sh", ["show"]),
        ("tuner completion z", ["zsh"]),
        ("tuner presets list --model ast", ["ast_autoencoder"]),
    ],
)
def test_commands_flags_and_what_ships_are_completed(complete, words, offered):
    folder = "grammar_vae/" if words.endswith(" gra") else ""
    assert complete(words) == [f"{folder}{name}" for name in offered]


def test_runs_and_files_are_those_that_are_there_when_somebody_types(complete, tmp_path):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "mine.yaml").touch()
    assert complete("tuner show fi") == ["first"]
    assert complete("tuner check mi") == ["mine.yaml"]


class Terminal:
    """A shell as somebody has it before them, without settings of theirs."""

    def __init__(self, shell, folder):
        self._ours, theirs = pty.openpty()
        flags = ["-f"] if shell == "zsh" else ["--norc", "--noprofile"]
        self._shell = subprocess.Popen(
            [shell, *flags, "-i"],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, start_new_session=True,
            env={"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "PS1": "$ "},
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def type(self, keys, expected, timeout_s=60):
        """Type keys, and return whether a text is shown then."""
        self.shown = ""
        os.write(self._ours, keys.encode())
        end = time.monotonic() + timeout_s
        while expected not in self.shown and time.monotonic() < end:
            if select.select([self._ours], [], [], 0.1)[0]:
                self.shown += os.read(self._ours, 4096).decode(errors="replace")
        return expected in self.shown

    def close(self):
        self._shell.kill()
        self._shell.wait()
        os.close(self._ours)


def needs_zsh(shell):
    mark = pytest.mark.skipif(shutil.which(shell) is None, reason="there is no zsh on this machine")
    return pytest.param(shell, marks=mark if shell == "zsh" else ())


SOURCED = ["source <(cat {})", "source {}", 'eval "$(cat {})"']


@pytest.mark.parametrize("load", SOURCED)
@pytest.mark.parametrize("shell", [needs_zsh("bash"), needs_zsh("zsh")])
def test_keys_are_completed_in_a_real_shell(shell, load, capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_RUNS", raising=False)
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "mine.yaml").touch()
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    terminal = Terminal(shell, tmp_path)
    try:
        assert terminal.type(f"{load.format(script)}; echo loa''ded\n", "loaded"), terminal.shown
        assert "command not found" not in terminal.shown
        for typed, completed in [
            ("tuner prom", "promote"),
            ("tuner search --na", "--name"),
            ("tuner show fi", "first"),
            ("tuner check mi", "mine.yaml"),
            ("tuner check ast_autoencoder/q", "ast_autoencoder/quickstart"),
        ]:
            assert terminal.type(f"{typed}\t", completed), terminal.shown
            assert terminal.type("\x15echo do''ne\n", "done"), terminal.shown
    finally:
        terminal.close()


def test_another_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["completion", "fish"])
    assert end.value.code == 2
    assert "unknown shell 'fish'. Known: bash, zsh" in capsys.readouterr().err
