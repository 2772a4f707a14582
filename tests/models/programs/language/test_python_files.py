"""What is stored of a file equals what Python makes of the same bytes."""

import ast
import os
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.programs.data.source_functions import find_functions
from models.programs.language.from_source import file_to_ids, source_to_ids
from models.programs.language.python_files import parse_source, read_source, source_text
from models.programs.language.to_source import ids_to_source

PLAIN = b"def f(s: str):\n    return s + 'abc'\n"
CLASS = b"class A:\n    def f(s: str):\n%s        return s + %s\n"

ODD = {
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "an encoding": b"# -*- coding: latin-1 -*-\n# \xe9\n" + PLAIN,
    "an encoding in the second line": b"#!/bin/sh\n# vim: set fileencoding=cp1252 :\n#\x93\n"
    + PLAIN,
    "a first line in an encoding of the second": b"# \xe9\n# coding: latin-1\n" + PLAIN,
    "escapes of an encoding": b"# coding: utf-7\ndef f(s: str):\n    return s +- '+AGE-bc'\n",
    "bytes in a comment that are no UTF-8": b"# \xe9\n" + PLAIN,
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "lone CR": PLAIN.replace(b"\n", b"\r"),
    "line ends of all kinds": b"# a\r\n# b\r# c\n" + PLAIN,
    "form feeds": b"\x0c# a\n\x0c" + PLAIN + b"\x0c\n",
    "tabs": CLASS.replace(b"    ", b"\t") % (b"", b"'abc'"),
    "tabs and blanks": b"class A:\n    def f(s: str):\n    \treturn s + 'abc'\n",
    "a comment at column 0": CLASS % (b"# here\n", b"'abc'"),
    "a doc string at column 0": CLASS % (b'        """Doc\nhere\n        """\n', b"'abc'"),
    "a text over two lines": CLASS % (b"", b"'a\\\n            bc'"),
    "a text over two lines at column 0": CLASS % (b"", b"'a\\\nbc'"),
    "a text over two lines, CRLF": CLASS.replace(b"\n", b"\r\n") % (b"", b"'a\\\r\n  bc'"),
    "a continued line": CLASS % (b"", b"\\\n'a' + \\\n  'bc'"),
    "texts side by side": CLASS % (b"", b"('a'\n'bc')"),
    "no newline at its end": PLAIN.rstrip(),
    "one line": b"class A: f = 1; g = 2\nif f:\n def f(s: str): x = 'abc'; return s + x\n",
    "an odd escape": PLAIN.replace(b"abc", b"\\d"),
    "escapes": PLAIN.replace(b"abc", b"\\x41\\u0042\\N{LATIN CAPITAL LETTER C}\\103"),
    "letters that Python joins": "def f(\u017f: str):\n    return s + 'abc'\n".encode(),
    "a function in a function": b"def g():\n    def f(s: str):\n# x\n        return s + 'abc'\n",
    "a condition around it": b"if 1:\n    def f(s: str):\n# x\n        return s + 'abc'\n",
}


def of_python(data):
    """Return what Python has of a file's functions that fit: a program of one unparsed function."""
    found = []
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.FunctionDef):
            try:
                found.append(source_to_ids(ast.unparse(node)))
            except UserError:
                continue
    return found


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_functions_are_those_that_python_has(data, tmp_path):
    (tmp_path / "odd.py").write_bytes(data)
    found, report = find_functions(tmp_path, max_steps=50)
    assert not report.unread
    assert len(found) == 1
    assert [each.program for each in found] == of_python(data)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("name", [name for name, data in ODD.items() if data.startswith(PLAIN[:5])])
def test_a_file_of_one_function_is_read_alike(name, tmp_path):
    path = tmp_path / "f.py"
    path.write_bytes(ODD[name])
    assert [file_to_ids(path)] == of_python(ODD[name])


PARTS = st.sampled_from(
    [
        b"'",
        b"\\",
        b"\n",
        b"\r",
        b"\r\n",
        b"\t",
        b"  ",
        b"a",
        b"\x0c",
        b"#",
        b"+",
        b"\xe9",
        b"\xc3\xa9",
    ]
)


@given(
    head=st.sampled_from([b"", b"\xef\xbb\xbf", b"# coding: latin-1\n", b"# coding: utf-8\r"]),
    indentation=st.sampled_from([b"", b"    ", b"\t"]),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    parts=st.lists(PARTS, max_size=8).map(b"".join),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_python_decides_what_bytes_mean(head, indentation, end, parts, tmp_path_factory):
    """Bytes in and around a text are taken as Python takes them, or refused as Python does."""
    lines = [b"def f(s: str):", b"    x = 'b" + parts + b"'", b"    return s + x", b""]
    data = b"".join((indentation if line else b"") + line + end for line in lines)
    data = head + (b"class A:" + end if indentation else b"") + data
    path = tmp_path_factory.mktemp("bytes") / "odd.py"
    path.write_bytes(data)
    found, report = find_functions(path, max_steps=200)
    try:
        compile(data, "odd", "exec")
    except (SyntaxError, ValueError):
        assert len(report.unread) == 1
        assert not found
    else:
        assert [each.program for each in found] == of_python(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"# coding: nope\n", "unknown encoding: nope"),
        (b"x = '\xe9'\n", "codec can't decode byte 0xe9"),
        (b"x = 1\0\n", "null bytes"),
        (b"\xff\xfed\0", "null bytes|codec can't decode|source"),
        (b"x = " + b"(" * 300, "line 1, column 205: too many nested parentheses"),
        (b"x = " + b"-" * 100_000 + b"1", "line 1, column 1: this is nested too deeply for Python"),
        (b"x = 1" + b"+1" * 100_000, "line 1, column 1: this is nested too deeply for Python"),
        (b"return 1", "line 1, column 1: 'return' outside function"),
        (b"print 'x'", "Missing parentheses in call to 'print'"),
        (b"class A:\n  def f(n): n\n\tdef g(n): n", "line 3, column .*: (unindent|inconsistent)"),
    ],
)
def test_what_python_refuses_is_told_with_its_reason(data, message, tmp_path):
    path = tmp_path / "f.py"
    path.write_bytes(data)
    with pytest.raises(UserError, match=message):
        parse_source(data)
    with pytest.raises(UserError, match=rf"^{path}: line \d+, column \d+: "):
        file_to_ids(path)


def test_python_takes_a_chain_whose_tree_meets_the_limit():
    chain = "".join(f"elif n == {i}:\n    n = 2\n" for i in range(1500))
    limit = sys.getrecursionlimit()
    module = parse_source(f"n = 1\nif n < 0:\n    n = 1\n{chain}")
    assert len(module.body) == 2
    assert sys.getrecursionlimit() == limit


def test_what_is_no_regular_file_is_refused_by_its_kind(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("pipe", "this is a named pipe: give a regular file"),
        ("", "this is a folder: give a regular file"),
        ("none", "cannot be read: No such file"),
    ):
        with pytest.raises(UserError, match=f"^{message}"):
            read_source(tmp_path / name)
        if name != "pipe":  # which is read there, as the shell's <(...) is
            with pytest.raises(UserError, match=f"{tmp_path / name}: {message}"):
                file_to_ids(tmp_path / name)


@pytest.mark.parametrize(
    "source",
    [
        "# coding: latin-1\ndef f(a: int):\n    '\xe9'; return b\n",
        "def f(a: int):\r    'é'; return b",
    ],
)
def test_columns_count_characters_whatever_the_encoding(source):
    data = source.encode("latin-1" if "latin" in source else "utf-8")
    assert source_text(data).count("é") == 1
    with pytest.raises(UserError, match=r"line [23], column 17: 'b' is not defined here"):
        source_to_ids(data)


def test_a_constant_is_not_changed_by_the_indentation_around_it():
    method = CLASS % (b"", b"'a\\\n            bc'")
    function = ast.parse(method).body[0].body[0]
    dedented = textwrap.dedent("\n".join(method.decode().split("\n")[1:]))
    assert (
        ast.parse(dedented).body[0].body[0].value.right.value != function.body[0].value.right.value
    )
    assert "'a            bc'" in ids_to_source(of_python(method)[0].ids)
