import pytest

from models.errors import UserError
from models.programs.data.behaviour import CONSTANT
from models.programs.data.chunks import CHUNK_PROGRAMS, EQUAL, MadeProgram
from models.programs.data.collection import generate_programs, study_programs
from models.programs.language.from_source import source_to_ids


@pytest.fixture(scope="module")
def generated():
    return generate_programs(80, 5, num_workers=1)


def test_the_programs_do_not_depend_on_the_number_of_workers(generated):
    assert generate_programs(80, 5, num_workers=3) == generated


def test_all_programs_do_different_things(generated):
    assert len(generated.programs) == 80
    assert len({made.behaviour for made in generated.programs}) == 80
    assert generated.num_drawn % CHUNK_PROGRAMS == 0
    assert 0 < sum(generated.rejected.values()) <= generated.num_drawn - 80


def test_fewer_programs_are_a_part_of_more_up_to_shorter_twins(generated):
    fewer = generate_programs(40, 5, num_workers=1)
    known = {made.behaviour for made in generated.programs}
    assert {made.behaviour for made in fewer.programs} <= known


def test_known_behaviours_are_left_out(generated):
    known = {made.behaviour for made in generated.programs[:20]}
    found = generate_programs(40, 5, num_workers=2, known=known)
    assert not known & {made.behaviour for made in found.programs}
    assert found.rejected[EQUAL] >= 20


def test_progress_is_told():
    told = []
    generate_programs(30, 1, num_workers=1, progress=lambda *each: told.append(each))
    assert told[-1] == ("generate", 30, 30)


def test_too_small_a_space_is_told(monkeypatch):
    monkeypatch.setattr("models.programs.data.collection._MAX_VAIN_CHUNKS", 1)
    known = _Everything()
    with pytest.raises(UserError, match=r"only 0 programs of up to 20 steps .* not 5,?0*"):
        generate_programs(5, 0, max_steps=20, num_workers=1, known=known)


class _Everything(frozenset):
    def __contains__(self, _):
        return True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 50), "0 programs: ask for at least 1"),
        ((5, -1, 50), r"seed \(-1\) must not be negative"),
        ((5, 1, 3), r"max_steps \(3\) must be at least 10"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    num_programs, seed, max_steps = arguments
    with pytest.raises(UserError, match=message):
        generate_programs(num_programs, seed, max_steps=max_steps)


def test_given_programs_are_studied_in_order():
    sources = [
        f"return n + {number}" if number % 10 else "return 1 + n * 0" for number in range(45)
    ]
    programs = [source_to_ids(f"def f(n: int):\n    {body}").ids for body in sources]
    found = study_programs(programs, 0, num_workers=2)
    for number, (ids, each) in enumerate(zip(programs, found, strict=True)):
        if number % 10:
            assert isinstance(each, MadeProgram)
            assert each.ids == ids
        else:
            assert each == CONSTANT
