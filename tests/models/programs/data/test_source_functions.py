import os
from pathlib import Path

import pytest

from models.errors import UserError
from models.programs.data.report import source_lines
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
    return {n: [n]}


def other(m: int):
    return {m: [m]}


def long(n: int):
    return n + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
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
    strings = next(reason for reason in refused if "dictionary" in reason)
    assert refused[strings][0] == 2
    assert refused[strings][1].startswith(f"{path}:33: ")
    assert refused["more than 20 steps"] == (1, f"{path}:40: 31 steps")
    assert refused["the same as another up to names"][1] == f"{path}:20 is {path}:4"
    assert refused["a decorator"] == (
        1,
        f"{path}:27: `property` is a decorator: there are none",
    )
    assert sum(count for count, _ in refused.values()) == 6


def test_files_that_cannot_be_read_are_all_named_and_are_no_functions(folder):
    found, report = find_functions(folder, max_steps=20)
    assert (report.num_files, report.num_read, report.num_functions) == (3, 1, 8)
    assert report.unread == {
        f"{folder / 'broken.py'}": "line 1, column 7: invalid syntax",
        f"{folder / 'latin.py'}": "line 1, column 8: (unicode error) 'utf-8' codec can't decode "
        "byte 0xe9 in position 0: unexpected end of data",
    }
    refused = sum(entry.count for entry in report.refused.values())
    assert len(found) + refused == report.num_functions
    lines = source_lines(report, len(found))
    assert lines[0] == "files      1 of 3 read; left out are:"
    assert lines[1].endswith("broken.py: line 1, column 7: invalid syntax")
    assert lines[3] == "found      8 functions, of which 2 are kept; the others by reason:"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(n: int, m=3): return n", "a default value"),
        ("def f(n: int, *m): return n", "a parameter that takes any number of values"),
        ("def f(n: Path): return n", "... is no type here"),
        ("def f(): return 1", "the function has 0 parameters"),
        ("def f(n: int):\n    n.m = 3\n    return n", "an assignment to something else than one"),
        ("def f(n: int):\n    while n: n += 1\n    return n", "a while loop that does not count"),
        ("def f(n: int): return n + 'a'", "BinOp of int and str"),
        ("def f(n: int): return n is 3", "`is` is not in the language"),
        ("def f(n: int): return foo(n)", "foo() is not in the language"),
        ("def f(n: int): return m", "... is not defined here"),
        ("def f(n: int): return 'é'", "a text with other characters than printable ASCII"),
        ("def f(n: int):\n    n += 'a'\n    return n", "what is combined with ... that is str"),
        ("def f(n: int): return sorted(n, key=3)", "another form of sorted() than the language"),
    ],
)
def test_the_reason_says_what_is_odd_about_the_function(source, reason, tmp_path):
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    _, report = find_functions(tmp_path, max_steps=20)
    assert next(iter(report.refused)).startswith(reason)


def test_what_is_no_regular_file_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "endless.py").symlink_to("endless.py")
    (tmp_path / "nothing.py").symlink_to("nowhere")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.py" / "good.py").write_text("def f(n: int): return n + 1")
    found, report = find_functions(tmp_path, max_steps=20)
    assert [each.source for each in found] == [f"{tmp_path}/folder.py/good.py:1"]
    assert {Path(file).name: reason for file, reason in report.unread.items()} == {
        "round": "a link to a folder is not followed",
        "device.py": "this is a device: give a regular file",
        "endless.py": "cannot be read: Too many levels of symbolic links",
        "nothing.py": "this is a link to a file that does not exist: mend the link",
        "pipe.py": "this is a named pipe: give a regular file",
    }
    _, report = find_functions(tmp_path / "pipe.py", max_steps=20)
    assert list(report.unread.values()) == ["this is a named pipe: give a regular file"]


def test_odd_names_of_files_can_be_stored_and_printed(tmp_path):
    for name in (b"latin\xe9.py", b"two\nlines.py"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(
            f"def f(n: int): return n * {len(name)}"
        )
    found, _ = find_functions(tmp_path, max_steps=20)
    assert [each.source for each in found] == [
        f"{tmp_path}/latin\\xe9.py:1",
        f"{tmp_path}/two\\nlines.py:1",
    ]


def test_functions_beside_one_that_is_nested_too_deeply_are_found(tmp_path):
    deep = f"def deep(n: int):\n    return {'n + ' * 600}n\n"
    chain = "".join(f"    elif n == {i}:\n        n = 2\n" for i in range(1500))
    chain = f"def chain(n: int):\n    if n < 0:\n        n = 1\n{chain}    return n\n"
    (tmp_path / "a.py").write_text(f"{deep}\n{chain}\ndef good(n: int):\n    return n + 1\n")
    found, report = find_functions(tmp_path, max_steps=20)
    assert [each.program.name for each in found] == ["good"]
    assert {reason: entry.count for reason, entry in report.refused.items()} == {
        "the program is nested too deeply": 2
    }


def test_one_file_will_do(folder):
    found, _ = find_functions(folder / "deep" / "good.py", max_steps=50)
    assert len(found) == 3


def test_folders_without_python_are_refused(tmp_path):
    with pytest.raises(UserError, match="no Python files in it"):
        find_functions(tmp_path, max_steps=50)
    with pytest.raises(UserError, match="no such folder"):
        find_functions(tmp_path / "none", max_steps=50)
