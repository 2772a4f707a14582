import pytest

from models.grammar.text_errors import unexpected_error


def test_common_beginning_moves_the_column_to_the_first_wrong_character():
    error = unexpected_error("1 + dt(v)", 2, ["dt(u)", "dtt(u)", "sin(u)"], False, "row 3")
    assert str(error) == (
        "row 3, column 8: unexpected 'v' after 'dt(' in '1 + dt(v)': expected 'dt(u)'"
    )


def test_ten_digits_are_listed_as_one():
    error = unexpected_error("1.*u", 2, list("0123456789"), False, "")
    assert str(error) == "column 3: unexpected '*' in '1.*u': expected a digit"


def test_end_of_text_is_named_where_it_fits():
    error = unexpected_error("u u", 1, ["+", "-"], True, "")
    assert str(error).endswith("expected one of '+', '-', the end of the text")


@pytest.mark.parametrize("position", [0, 250, 499])
def test_long_text_is_quoted_around_the_column(position):
    text = "".join(chr(0x4E00 + i) for i in range(500))
    message = str(unexpected_error(text, position, ["x"], False, ""))
    assert f"column {position + 1}: unexpected {text[position]!r}" in message
    assert len(message) < 220
    assert message.count(text[position]) == 2
