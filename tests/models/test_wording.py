"""How numbers of things are written: singular and plural."""

import pytest

from models.wording import are, count


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (count(1, "row"), "1 row"),
        (count(0, "row"), "0 rows"),
        (count(2000, "validation row"), "2,000 validation rows"),
        (count(1, "file", "is", "are"), "1 file is"),
        (count(2, "file", "is", "are"), "2 files are"),
        (f"{are(1)} {are(2)} {are(1, 'were')} {are(0, 'were')}", "is are was were"),
    ],
)
def test_nouns_and_verbs_follow_the_number(said: str, expected: str) -> None:
    assert said == expected
