"""A folder of wheels for a machine without a network: made, checked, installed, run from."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from cluster.offline import main

PYTHON = ".".join(map(str, sys.version_info[:2]))
PLATFORM = f"manylinux_2_28_{sysconfig.get_platform().split('-')[-1]}"
BACKEND = """
from pathlib import Path
import sys
def build_wheel(folder, config_settings=None, metadata_directory=None):
    import zipfile
    name = "project-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as out:
        out.writestr("project.py", "import a; print('runs with', a.VERSION)")
        info = "project-1.0.dist-info/"
        out.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: project\\nVersion: 1.0\\n"
                     "Requires-Dist: a>=1\\nRequires-Dist: pytest")
        out.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
                     "Tag: py3-none-any")
        out.writestr(info + "RECORD", "")
    return name
"""


PIP = (
    "import runpy, sys; sys.path.pop(0); sys.modules.pop('pip', None); "
    "runpy.run_module('pip', run_name='__main__')"
)


@pytest.fixture(scope="module")
def words(tmp_path_factory, tiny_wheel):
    """Return what is typed for a project of one line, with wheels that lie in a folder."""
    place = tmp_path_factory.mktemp("offline")
    shelf, project, have = place / "shelf", place / "project", place / "have.txt"
    shelf.mkdir()
    project.mkdir()
    tiny_wheel(shelf, "a", "1.0")
    tiny_wheel(shelf, "a", "2.0")
    tiny_wheel(shelf, "pip", "99.0", files={"pip/__main__.py": PIP})
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (project / "backend.py").write_text(BACKEND)
    (project / "constraints.txt").write_text("# as it was tested\na==1.0\n")
    have.write_text(f"pytest=={pytest.__version__}\n")
    return (
        "--project", str(project), "--wheels", str(shelf), "--have", str(have),
        "--python", PYTHON, "--platform", PLATFORM,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(words, tmp_path_factory):
    """Return a folder that is only looked at."""
    folder = tmp_path_factory.mktemp("made") / "folder"
    assert main([str(folder), *words]) == 0
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """Return one that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "folder"))


def install(folder, *words, rc=0):
    done = subprocess.run(
        [sys.executable, str(folder / "install.py"), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_folder_holds_the_pinned_wheels_and_not_what_the_machine_has(made) -> None:
    assert {one.name.split("-py3")[0] for one in made.glob("*.whl")} == {
        "a-1.0", "pip-99.0", "project-1.0",
    }  # fmt: skip
    assert list(made.parent.iterdir()) == [made]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=made, check=True)


def test_it_is_installed_into_a_folder_and_runs(made, tmp_path) -> None:
    said = install(made, "--into", str(tmp_path / "site"))
    assert f"export PYTHONPATH={tmp_path / 'site'}" in said
    assert runs(sys.executable, PYTHONPATH=str(tmp_path / "site")) == "runs with 1.0\n"


def test_environment_sees_what_this_python_has(made, tmp_path) -> None:
    said = install(made, "--venv", str(tmp_path / "env"))
    assert f"source {tmp_path / 'env'}/bin/activate" in said
    assert runs(tmp_path / "env/bin/python") == "runs with 1.0\n"
    install(made, "--venv", str(tmp_path / "env"))  # a second time is no harm


def test_slim_folder_is_one_archive_that_installs_as_the_wheels_do(words, tmp_path, capsys) -> None:
    folder = tmp_path / "slim"
    assert main([str(folder), *words, "--slim"]) == 0
    assert "3 wheels" in capsys.readouterr().out
    assert {one.name for one in folder.iterdir()} == {
        "SHA256SUMS", "install.py", "made_for.json", "wheels.tar.xz",
    }  # fmt: skip
    assert "3 wheels, all as they were made" in install(folder, "--into", str(tmp_path / "site"))
    assert runs(sys.executable, PYTHONPATH=str(tmp_path / "site")) == "runs with 1.0\n"
    install(folder, "--venv", str(tmp_path / "env"))
    assert runs(tmp_path / "env/bin/python") == "runs with 1.0\n"
    content = (folder / "wheels.tar.xz").read_bytes()
    (folder / "wheels.tar.xz").write_bytes(content + b"x")
    assert "wheels.tar.xz is damaged" in install(folder, "--check", rc=2)


def runs(python, **environment):
    command = [python, "-c", "import project, pytest"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


@pytest.mark.parametrize(
    ("harm", "match"),
    [(lambda f: (f / "a-1.0-py3-none-any.whl").write_bytes(b"x"), "a-1.0-py3-none-any.whl is dam"),
     (lambda f: (f / "a-1.0-py3-none-any.whl").unlink(), "a-1.0-py3-none-any.whl is missing"),
     (lambda f: (f / "b-1.0-py3-none-any.whl").write_bytes(b"x"), "b-1.0-py3-none-any.whl is in "),
     (lambda f: (f / "SHA256SUMS").unlink(), "SHA256SUMS cannot be read")],
)  # fmt: skip
def test_folder_that_is_not_whole_is_refused(folder, harm, match, tmp_path) -> None:
    harm(folder)
    said = install(folder, "--into", str(tmp_path / "site"), rc=2)
    assert match in said
    assert "Traceback" not in said
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [({"python": "3.1"}, "they are for Python 3.1, and this one"),
     ({"platform": "manylinux_2_99_x86_64"}, "they are for glibc 2.99"),
     ({"platform": "manylinux_2_17_riscv64"}, "they are for riscv64"),
     ({"relied_on": {"nothere": "1.0"}}, "nothere 1.0 was to be on this machine, and is not")],
)  # fmt: skip
def test_another_machine_is_refused(folder, change, match) -> None:
    told = json.loads((folder / "made_for.json").read_text())
    (folder / "made_for.json").write_text(json.dumps(told | change))
    sums = subprocess.run(
        ["sha256sum", *(one.name for one in folder.iterdir() if one.name != "SHA256SUMS")],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / "SHA256SUMS").write_text(sums.stdout)
    assert match in install(folder, "--check", rc=2)


def test_another_version_of_what_is_relied_on_is_noted(words, tmp_path, capsys) -> None:
    (tmp_path / "have.txt").write_text("pytest==99.0\n")
    assert main([str(tmp_path / "folder"), *words, "--have", str(tmp_path / "have.txt")]) == 0
    assert "relied on there: pytest 99.0" in capsys.readouterr().out
    said = install(tmp_path / "folder", "--check")
    assert f"note: pytest is {pytest.__version__} here, and was to be 99.0" in said


@pytest.mark.parametrize(
    ("wrong", "match"),
    [(("--wheels", "/proc/nowhere"), "pip download fails"),
     (("--project", "/"), "/ has no pyproject.toml"),
     (("--have", "/proc/nowhere"), "/proc/nowhere cannot be read"),
     (("--platform", "any"), "write it as")],
)  # fmt: skip
def test_what_cannot_be_made_is_told(words, wrong, match, tmp_path, capsys) -> None:
    assert main([str(tmp_path / "folder"), *words, *wrong]) == 2
    assert match in capsys.readouterr().err


def test_of_a_flag_that_is_given_twice_the_last_holds_with_a_note(words, made, tmp_path, capsys):
    twice = ("--python", "3.1", "--python=3.1", "--platform", "any", "--extra", "a", "--extra", "b")
    assert main([str(made), *twice, *words]) == 2
    assert capsys.readouterr().err.splitlines()[:-1] == [
        f"note: --python is given twice, as 3.1 and as {PYTHON}: the last holds",
        f"note: --platform is given twice, as any and as {PLATFORM}: the last holds",
    ]
    said = install(made, "--into", "/proc/nowhere", "--into", str(tmp_path / "site"))
    assert f"note: --into is given twice, as /proc/nowhere and as {tmp_path / 'site'}: the" in said
    assert (tmp_path / "site" / "project.py").is_file()


def test_folder_that_is_there_is_not_overwritten(words, made, capsys) -> None:
    before = sorted(made.iterdir())
    assert main([str(made), *words]) == 2
    assert "is there already" in capsys.readouterr().err
    assert sorted(made.iterdir()) == before
