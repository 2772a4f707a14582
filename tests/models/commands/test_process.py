"""How commands end: exit codes and what is on stderr."""

import errno
import os
import subprocess
import sys

import pytest

from models.commands.process import run_command
from models.errors import UserError
from models.training.loop import TrainingDiverged


def raising(error):
    def body():
        raise error

    return body


def test_a_command_that_returns_nothing_succeeds(capsys):
    assert run_command(lambda: None) == 0
    assert capsys.readouterr().err == ""


def test_a_command_chooses_its_own_exit_code():
    assert run_command(lambda: 3) == 3


def test_a_users_mistake_is_one_message_and_code_2(capsys):
    assert run_command(raising(UserError("beta is -1: give 0 or above"))) == 2
    assert capsys.readouterr().err == "error: beta is -1: give 0 or above\n"


def test_package_that_a_machine_lacks_is_named_without_a_traceback(capsys):
    assert run_command(raising(ModuleNotFoundError("No module named 'a.b'", name="a.b"))) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: the package 'a' is not installed for {sys.executable}: install")


def test_package_that_is_broken_is_named_with_what_is_wrong(capsys):
    broken = ImportError("libstdc++.so.6: not found", name="a.b", path="/lib/a/b.so")
    assert run_command(raising(broken)) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: the package 'a' does not work with {sys.executable} (libstdc++")


@pytest.mark.parametrize("kind", [ImportError, ModuleNotFoundError])
@pytest.mark.parametrize("name", ["models.nothere", "tuner", None])
def test_modules_of_ours_that_are_missing_are_a_bug(kind, name):
    with pytest.raises(kind, match="No module"):
        run_command(raising(kind("No module", name=name)))


def test_python_that_pip_has_not_checked_may_be_too_old(capsys, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    assert run_command(lambda: None) == 2
    assert "is Python 3.10, and this project needs 3.11 or newer" in capsys.readouterr().err


def test_children_of_user_errors_end_the_same_way(capsys):
    assert run_command(raising(TrainingDiverged(3, 7, "the KL divergence", "lower lr"))) == 2
    message = "error: the KL divergence is not finite at epoch 3, step 7: lower lr\n"
    assert capsys.readouterr().err == message


def test_an_interrupt_ends_with_130_and_says_what_is_left(capsys):
    assert run_command(raising(KeyboardInterrupt("Go on with: train --resume last.ckpt"))) == 130
    assert capsys.readouterr().err == "\ninterrupted. Go on with: train --resume last.ckpt\n"


def test_a_full_disk_is_told_with_its_file(capsys):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a/metrics.jsonl")
    assert run_command(raising(error)) == 2
    assert capsys.readouterr().err == ("error: no space left on the disk (runs/a/metrics.jsonl)\n")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_takes_nothing_is_told_without_a_traceback(capsys, code):
    error = OSError(code, os.strerror(code), "runs/a/confirmations")
    assert run_command(raising(error)) == 2
    assert capsys.readouterr().err == (
        f"error: runs/a/confirmations: {os.strerror(code)}: mend its rights, or work in another "
        "folder\n"
    )


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EIO, "hardware"), OSError(errno.EACCES, "socket"), ValueError("our own bug")],
)
def test_our_own_bugs_keep_their_traceback(error):
    with pytest.raises(type(error), match=str(error.args[-1])):
        run_command(raising(error))


@pytest.mark.parametrize("num_lines", [1, 100_000], ids=("buffered", "flushed"))
def test_a_reader_that_leaves_early_is_no_error(num_lines):
    code = (
        "import sys; from models.commands.process import run_command\n"
        "def body():\n"
        "    sys.stdin.read()\n"  # until the reader is gone
        f"    for line in range({num_lines}): print(line)\n"
        "sys.exit(run_command(body))"
    )
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, env=buffered
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(b"")
    assert errors == b""
    assert process.returncode == 0


@pytest.mark.parametrize(("given", "then"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_without_spinning_unless_told_to(monkeypatch, given, then):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert run_command(lambda: int(os.environ["OMP_WAIT_POLICY"] != then)) == 0


@pytest.mark.parametrize(
    "code", ["raise ImportError('libstdc++: gone\\nmuch more')", "import sys\nsys.nothing_of_it"]
)
def test_a_package_that_is_broken_without_a_name_is_told(code, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "broken_one.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    assert run_command(lambda: __import__("broken_one")) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the package 'broken_one' does not work with")
    assert said.endswith("): install this project's dependencies there anew, in the versions of "
                         "constraints.txt\n")  # fmt: skip
    assert said.count("\n") == 1
    own = tmp_path / "own_model.py"
    own.write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises((ImportError, AttributeError)):
        run_command(lambda: __import__("own_model"))
