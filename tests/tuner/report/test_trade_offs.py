import math

from hypothesis import given
from hypothesis import strategies as st

from tuner.record.results import pareto_front
from tuner.report.trade_offs import front_of, trade_offs_section

VALUES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=14)


@given(VALUES, st.tuples(*[st.sampled_from(["max", "min"])] * 3))
def test_the_front_is_that_of_the_definition(values, modes):
    def beats(one, other):
        costs = [(-a, -b) if mode == "max" else (a, b)
                 for a, b, mode in zip(one, other, modes, strict=True)]  # fmt: skip
        return one != other and all(a <= b for a, b in costs)

    expected = {
        number for number, own in enumerate(values)
        if not any(beats(other, own) for other in values)
    }  # fmt: skip
    found = front_of([(n, tuple(map(float, v))) for n, v in enumerate(values)], modes)
    assert [point.trial for point in found] == list(range(len(values)))
    assert {point.trial for point in found if point.on_front} == expected


BOTH = "objective=[{metric: val/score, mode: max}, {metric: val/cost, mode: min}]"


def test_several_objectives_have_the_front_of_the_leaderboard(hand_made):
    run = hand_made(BOTH)
    for score, cost in [(0.9, 5.0), (0.5, 1.0), (0.4, 2.0), (0.7, math.inf), (0.8, 4.0)]:
        run.trial([{"val/score": score, "val/cost": cost}])
    material = run.material
    section = trade_offs_section(material)
    assert section.title == "Pareto front"
    data = section.figures[0].data["front"]
    on_front = {t for t, kind in zip(data["trial"], data["kind"], strict=True) if kind != "beaten"}
    front = pareto_front(material.run, material.search.objectives, material.ranking)
    assert on_front == {row.number for row, _ in front} == {0, 1, 4}
    assert section.words[0].startswith("3 trials are on the front")
    assert "Left out, without all values: 1 trial." in section.figures[0].note


def test_one_objective_is_set_against_the_time_of_an_epoch(hand_made):
    run = hand_made()
    run.trial([0.90, 0.91])
    run.now += 8.0
    run.log.trial("slow", 7, {"lr": 0.5})
    run.log.start("slow")
    run.now += 10.0
    run.log.report("slow", 1, {"val/score": 0.92})
    run.log.end("slow", "done", cause="epochs")
    section = trade_offs_section(run.material)
    assert section.title == "Value against speed"
    assert section.words == (
        "Trial 0 comes within 0.0100 of the best at 10 % of its time an epoch.",
    )


def test_a_single_trial_has_nothing_to_be_set_against(hand_made):
    run = hand_made()
    run.trial([0.9])
    assert trade_offs_section(run.material).missing[0].startswith("It takes two trials")
