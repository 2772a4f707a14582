from hypothesis import given
from hypothesis import strategies as st

from models.programs.data.text_column import TextColumn, join_columns

TEXTS = st.lists(st.text(alphabet=st.characters(codec="utf-8")))


@given(TEXTS, TEXTS)
def test_texts_come_back(one, other):
    columns = [TextColumn.of(one), TextColumn.of(other)]
    joined = join_columns(columns)
    assert [joined[row] for row in range(len(joined))] == one + other
    rows = list(range(len(one)))[::-1]
    selected = columns[0].select(rows)
    assert [selected[row] for row in range(len(selected))] == one[::-1]


def test_no_columns_are_an_empty_column():
    assert len(join_columns([])) == 0
