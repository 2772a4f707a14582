"""What is said of text that is no YAML: the place, what is wrong, the line and what to write."""

import pytest

from models.config_file import parse_yaml
from models.errors import UserError


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: [1", (1, 4), "'[' is not closed, in 'a: [1': write ']' where it ends"),
        ("a: [1,\nb: 2\nc: [3]\n", (1, 4), "'[' is not closed, in 'a: [1,': write ']' where"),
        ("a: {b: [1, 2]\n", (1, 4), "'{' is not closed, in 'a: {b: [1, 2]': write '}' where it"),
        ("a: [1, 2}", (1, 9), "'}' stands where ',' or ']' has to, in 'a: [1, 2}': write ',' b"),
        ("a: [{b: 1} c]", (1, 12), "',' or ']' has to stand here, in 'a: [{b: 1} c]': write ','"),
        ("a: [1, , 2]", (1, 8), "a value is missing before ',', in 'a: [1, , 2]': write it, or"),
        ("a: [1]]", (1, 7), "']' closes nothing, in 'a: [1]]': put text in quotes as a whole"),
        ("a: 1\n\tb: 2", (2, 1), "a tab cannot stand here, in '\\tb: 2': write spaces for it"),
        ("a: @x", (1, 4), "a value cannot begin with '@', in 'a: @x': put text in quotes"),
        ("a: 1\n b: 2", (2, 3), "':' stands where no key can, in ' b: 2': begin a key in the"),
        ("a: b: c", (1, 5), "':' stands where no key can, in 'a: b: c': begin a key in the col"),
        ("a: - 1", (1, 4), "'-' stands where no item of a list can, in 'a: - 1': give each item"),
        ("lr 0.1\nb: 2", (2, 2), "':' stands where no key can, in 'b: 2': begin a key in the colu"),
        ("b: 2\nlr:0.1\nc: 2", (2, 1), "a key has no ': ' behind it, in 'lr:0.1': write KEY: V"),
        (
            "a:\n    b: 1\n  c: 2",
            (3, 3),
            "this begins in column 3, and what is above it, from line 1 on, in column 1, in "
            "'  c: 2': begin what belongs together in one column",
        ),
        ("- a\nb: 1", (2, 1), "this begins in column 1, and what is above it, from line 1 on, in"),
        ("a: 'it's b'", (1, 8), "a value has ended before this, in \"a: 'it's b'\": put text in"),
        ("a: 'b\nc: 1", (1, 4), 'a quote is not closed, in "a: \'b": end the text with the same'),
        ('a: "b\n---\nc', (1, 4), "a quote is not closed, in 'a: \"b': end the text with the s"),
        (
            'a: "\\d"',
            (1, 6),
            "'\\d' means nothing within double quotes, in 'a: \"\\\\d\"': take si",
        ),
        ("a: >3.5", (1, 6), "text behind | or > begins on the line below, in 'a: >3.5': put it"),
        ("a: *.pt", (1, 5), "& and * mark values, in 'a: *.pt': put text that begins so in quote"),
        ("a: *here", (1, 4), "*here stands for a value marked &here, and none above is, in 'a: *"),
        ("a: &a [*a]", (1, 4), "a value cannot stand within itself, in 'a: &a [*a]': write it"),
        ("a: !!python/name:x.y z", (1, 4), "the tag 'python/name:x.y' is not read, in 'a: !!py"),
        ("a: !b c", (1, 4), "the tag 'b' is not read, in 'a: !b c': remove it, or put text that"),
        ("a: 1\n---\nb: 2", (2, 1), "another document begins here, in '---': keep one, without"),
    ],
)
def test_text_that_is_no_yaml_is_told_with_its_line_and_a_remedy(text, place, said):
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "f.yaml")
    message = str(caught.value)
    start = f"f.yaml, line {place[0]}, column {place[1]}: "
    assert message.startswith(start + said)
    assert "\n" not in message
