import pytest

from models.errors import UserError
from models.programs.data.source_functions import find_functions

GOOD = '''
import os

def total(xs: list) -> int:
    """Add up."""
    t = 0
    for x in xs:
        t += x
    return t


class Thing:
    def method(self):
        return self.x

    def also(text: str):
        return text.upper()


def twin(values: list) -> int:
    s = 0
    for v in values:
        s += v
    return s


@property
def decorated(n: int):
    return n


def formatted(n: int):
    return f"{n} times"


def other(m: int):
    return f"{m} more"


def long(n: int):
    return n + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    (tmp_path / "notes.txt").write_text("def f(n: int): return n")
    return tmp_path


def test_functions_that_fit_are_found_with_names_and_places(folder):
    found, report = find_functions(folder, max_steps=20)
    path = folder / "deep" / "good.py"
    assert [(each.program.name, each.source) for each in found] == [
        ("total", f"{path}:4"),
        ("also", f"{path}:16"),
    ]
    assert found[0].program.names == ("xs", "t", "x")
    assert (report.num_files, report.num_functions) == (3, 8)


def test_what_does_not_fit_is_counted_by_reason_with_an_example(folder):
    _, report = find_functions(folder, max_steps=20)
    path = folder / "deep" / "good.py"
    refused = {reason: (entry.count, entry.example) for reason, entry in report.refused.items()}
    strings = next(reason for reason in refused if "f-string" in reason)
    assert refused[strings][0] == 2
    assert refused[strings][1].startswith(f"{path}:33: ")
    assert refused["more than 20 steps"] == (1, f"{path}:40: 31 steps")
    assert refused["the same as another up to names"][1] == f"{path}:20 is {path}:4"
    assert refused["files that cannot be read"][0] == 2
    assert any("decorators" in reason for reason in refused)
    assert sum(count for count, _ in refused.values()) == 8


def test_one_file_will_do(folder):
    found, _ = find_functions(folder / "deep" / "good.py", max_steps=50)
    assert len(found) == 3


def test_folders_without_python_are_refused(tmp_path):
    with pytest.raises(UserError, match="no Python files in it"):
        find_functions(tmp_path, max_steps=50)
    with pytest.raises(UserError, match="no such folder"):
        find_functions(tmp_path / "none", max_steps=50)
