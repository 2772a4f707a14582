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


BLANK = "3 blank lines are skipped (the first is line 2); rows are counted without them"


def test_lines_are_rows_and_a_last_newline_is_none(write):
    rows = read_lines(write("x + 1\r\nx * 2\n"))
    assert rows.texts == ["x + 1", "x * 2"]
    assert rows.where(1).endswith("file, line 2")
    assert rows.labels is None
    assert rows.notes == ()


@pytest.mark.parametrize("read", [read_lines, lambda path: read_csv_column(path, "x + 1")])
def test_blank_lines_are_skipped_and_told_in_text_and_csv_alike(write, read):
    rows = read(write("x + 1\n\n \t\nx * 2\n\nx\n"))
    assert rows.texts[-2:] == ["x * 2", "x"]
    assert "line 4" in rows.where(len(rows.texts) - 2)
    assert rows.notes == (BLANK,)


def test_a_blank_line_before_the_header_is_no_header(write):
    assert read_csv_column(write("\nformula\nx\n"), "formula").texts == ["x"]


def test_a_quoted_empty_field_is_an_empty_text(write):
    rows = read_csv_column(write('formula\n""\nx\n'), "formula")
    assert rows.texts == ["", "x"]
    assert rows.notes == ()


@pytest.mark.parametrize("name", ["m.smi", "M.SMI", "m.smi.gz", "m.smiles", "m.ism", "m.can"])
def test_the_first_field_of_a_smiles_line_is_the_molecule(tmp_path, name):
    path = tmp_path / name
    text = b"CCO ethanol\n\nCC\tethane gas\n C \n"
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    rows = read_lines(path)
    assert rows.texts == ["CCO", "CC", "C"]
    assert rows.where(1) == f"{path}, line 3"
    assert rows.notes == (
        "1 blank line is skipped (the first is line 2); rows are counted without them",
        "2 lines go on behind the SMILES: names are left out",
    )


def test_other_files_keep_whole_lines(tmp_path):
    (tmp_path / "smi.txt").write_text("x + 1\n")
    assert read_lines(tmp_path / "smi.txt").texts == ["x + 1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "formula;kind\nx;a\n",
            r"^no column 'formula' in the header 'formula;kind': its fields are separated by ';', "
            r"so pass --delimiter ';'$",
        ),
        ("formula\tkind\nx\ta\n", r"separated by tab, so pass --delimiter tab$"),
        ('"formula"|"kind"\n', r"separated by '\|', so pass --delimiter '\|'$"),
        ("text;kind\nx;a\n", r"so pass --delimiter ';'; the columns are text, kind$"),
    ],
)
def test_another_delimiter_is_named_with_the_remedy(write, text, message):
    with pytest.raises(UserError, match=message):
        read_csv_column(write(text), "formula")


@pytest.mark.parametrize(("delimiter", "sign"), [(";", ";"), ("\t", "\t"), ("|", "|")])
def test_other_delimiters_are_read(write, delimiter, sign):
    path = write(f"kind{sign}formula\nsum{sign}x, 3\n")
    assert read_csv_column(path, "formula", "kind", delimiter).texts == ["x, 3"]


def test_a_comma_is_named_where_another_delimiter_was_given(write):
    with pytest.raises(UserError, match="separated by ',', so pass --delimiter ','"):
        read_csv_column(write("formula,kind\nx,a\n"), "formula", delimiter=";")


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
        ("\n\n", "has no rows"),
        ("name,formula\nfirst\n", "line 2: the row ends before column 'formula'"),
        ('formula\n"x" + 1\n', "the row after line 1 is not readable as CSV"),
        ('formula\n"x + 1\n', "the row after line 1 is not readable as CSV"),
        (b"formula\n\xff\n", "not UTF-8 text"),
    ],
)
def test_a_broken_csv_file_is_refused_with_its_line(write, text, message):
    with pytest.raises(UserError, match=message):
        read_csv_column(write(text), "formula")


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_text_file_is_refused(write, text):
    with pytest.raises(UserError, match="has no rows: give a file with at least one"):
        read_lines(write(text))


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
