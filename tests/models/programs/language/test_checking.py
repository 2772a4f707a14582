import numpy as np
import pytest
from program_rules.checking import check_programs

from models.errors import UserError
from models.grammar.derivation import pad
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language


def test_programs_pass(sample_programs):
    check_programs(sample_programs(64, 80, 0, "loops").numpy().astype(np.int16))
    check_programs(np.zeros((0, 5), dtype=np.int16))


def test_the_first_bad_row_is_named_with_its_step():
    of = language()
    good = list(source_to_ids("def f(n: int):\n    m = n\n    return m").ids)
    bad = [of.slot_id("INT", 9) if i == of.slot_id("INT", 1) else i for i in good]
    with pytest.raises(UserError, match=r"row 1, step 5, production \d+ \(slot\): slot 9 is not"):
        check_programs(pad([good, bad, bad]))


def test_rows_that_the_grammar_forbids_are_named():
    with pytest.raises(UserError, match="row 0, step 1: the padding begins while PARAM is open"):
        check_programs(np.array([[0, -1, -1, -1]]))
