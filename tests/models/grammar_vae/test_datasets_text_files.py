"""A user's own text files: read whole, with the place of every row."""

import gzip

import pytest

from models.errors import UserError
from models.grammar_vae.datasets.text_files import read_csv_column, read_lines

CSV = 'name,formula,kind\nfirst,x + 1,sum\n"second\nname",x * 2,product\nthird,"x, 3",sum\n'


@pytest.fixture(params=["plain", "gzipped"])
def write(request, tmp_path):
    def write_file(text):
        path = tmp_path / "file"
        content = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(content) if request.param == "gzipped" else content)
        return path

    return write_file


def test_lines_are_rows_and_a_last_newline_is_none(write):
    rows = read_lines(write("x + 1\r\n\nx * 2\n"))
    assert rows.texts == ["x + 1", "", "x * 2"]
    assert rows.where(2).endswith("file, line 3")
    assert rows.labels is None


def test_a_byte_order_mark_is_not_part_of_the_text(write):
    assert read_lines(write("\ufeffx\n")).texts == ["x"]


def test_a_column_is_read_with_row_and_line_although_fields_span_lines(write):
    rows = read_csv_column(write(CSV), "formula")
    assert rows.texts == ["x + 1", "x * 2", "x, 3"]
    assert rows.where(1).endswith("file, row 2 (line 4), column 'formula'")


def test_labels_are_numbered_in_order_of_appearance(write):
    rows = read_csv_column(write(CSV), "formula", "kind")
    assert rows.labels.tolist() == [0, 1, 0]
    assert rows.label_names == ("sum", "product")


@pytest.mark.parametrize("columns", [("formla",), ("formula", "formla")])
def test_an_unknown_column_names_the_nearest(write, columns):
    with pytest.raises(
        UserError, match=r"unknown column 'formla'\. Did you mean 'formula'\? Known"
    ):
        read_csv_column(write(CSV), *columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("formula\n", "has no rows"),
        ("name,formula\nfirst\n", "line 2: the row ends before column 'formula'"),
        ('formula\n"x" + 1\n', "the row after line 1 is not readable as CSV"),
        ('formula\n"x + 1\n', "the row after line 1 is not readable as CSV"),
        (b"formula\n\xff\n", "not UTF-8 text"),
    ],
)
def test_a_broken_csv_file_is_refused_with_its_line(write, text, message):
    with pytest.raises(UserError, match=message):
        read_csv_column(write(text), "formula")


def test_an_empty_text_file_is_refused(write):
    with pytest.raises(UserError, match="has no rows: give a file with at least one"):
        read_lines(write(""))


def test_a_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"x\n" * 1000)[:-12])
    with pytest.raises(UserError, match=r"file\.gz cannot be read"):
        read_lines(path)


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match=r"no file .*mine\.tx\. Did you mean 'mine\.txt'\?"):
        read_lines(tmp_path / "mine.tx")
    with pytest.raises(UserError, match="is a folder: give a file in it"):
        read_lines(tmp_path)
