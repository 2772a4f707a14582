"""What a space may say beside ranges: log steps, constants, formulas and constraints."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.config_file import parse_yaml
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from tuner.errors import SearchInvalid
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.search.domains import FloatRange, IntRange
from tuner.search.expressions import FUNCTIONS, parse_expression
from tuner.search.feasibility import draw_value, judge_of_space, random_point
from tuner.search.loading import load_search
from tuner.search.space_parsing import parse_space
from tuner.search.space_points import count_points, points


def space(text, constraints=None, base=None):
    base = base or GrammarVaeConfig(encoder_kernel=3)
    return parse_space(parse_yaml(text, ""), base, "search.yaml", constraints=constraints)


def mistakes(text, constraints=None):
    with pytest.raises(SearchInvalid) as caught:
        space(text, constraints)
    return [str(each) for each in caught.value.mistakes]


class TestFormulas:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("a / 2", 3.5),
            ("a // 2 + a % 2", 4),
            ("2 ** 0.5 * b", 2**0.5 * 0.5),
            ("-a + +1", -6),
            ("min(a, 3) + max(b, 1) + abs(-1)", 5),
            ("round(2.5) + floor(1.9) + ceil(0.1)", 5),
            ("sqrt(16) + log2(8) + log10(100) + log(1) + exp(0)", 10),
            ("len(k) + sum(k)", 11),
            ("a if b < 1 else 0", 7),
            ("1 < a <= 7 and not (b == 1 or on)", True),
            ("a in [1, 7]", True),
            ("style not in ('x', 'y')", True),
            ("'residual' if on else 'plain'", "plain"),
            ("true if a > 3 else false", True),
        ],
    )
    def test_a_formula_gives_its_value(self, text, value):
        values = {"a": 7, "b": 0.5, "k": [3, 5], "on": False, "style": "z"}
        values["k"] = [3, 6]
        assert parse_expression(text, "expr").value(values) == pytest.approx(value)

    @given(st.integers(-9, 9), st.integers(-9, 9), st.sampled_from("+-*"))
    @settings(deadline=None)
    def test_arithmetic_is_pythons(self, one, other, sign):
        formula = parse_expression(f"a {sign} b * (a - 3)", "expr")
        expected = eval(f"{one} {sign} {other} * ({one} - 3)")
        assert formula.value({"a": one, "b": other}) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "__import__('os')", "a.b", "a[0]", "open('x')", "lambda: 1", "[x for x in a]", "f'{a}'",
            "a := 1", "print(a)", "max(a, key=a)", "{'a': 1}", "*a", "b'x'", "1j", "a @ b",
            "a << 9", "a is b", "...", "(yield)", "await a", "a; b", "import os", "", "   ", "\x00",
        ],
    )  # fmt: skip
    def test_nothing_else_can_be_said(self, text):
        with pytest.raises(UserError, match="formula"):
            parse_expression(text, "space.beta.expr")

    def test_what_is_refused_is_shown_with_what_there_is(self):
        with pytest.raises(UserError, match=r"`open\('x'\)` cannot be said in a formula.*sqrt"):
            parse_expression("1 + open('x')", "space.beta.expr")

    def test_a_formula_that_gives_nothing_says_so_with_its_values(self):
        with pytest.raises(UserError, match=r"`1 / a` cannot be computed with a=0 \(division"):
            parse_expression("1 / a", "expr").value({"a": 0})

    @pytest.mark.parametrize(
        ("text", "violation"),
        [
            ("a <= 5", 2 / 7),
            ("a < 7", 0),
            ("a >= 9", 2 / 9),
            ("a == 7", 0.0),
            ("5 < a < 6", 1 / 7),
            ("a < 5 and b > 1", 0.5),
            ("a < 5 or b > 1", 2 / 7),
            ("a > -7 * 3 and a * 1e6 <= 1e6", 6 / 7),
            ("b - b > 0", math.ulp(1.0)),
            ("not a > 3", 1.0),
            ("style == 'x'", 1.0),
        ],
    )
    def test_a_statement_says_how_far_it_is_from_true(self, text, violation):
        found = parse_expression(text, "").violation({"a": 7, "b": 0.5, "style": "z"})
        if text == "a < 7":
            assert 0 < found < 1e-9
        else:
            assert found == pytest.approx(violation)

    def test_functions_are_few_and_listed(self):
        assert set(FUNCTIONS) == set(
            "abs ceil exp floor len log log2 log10 max min round sqrt sum".split()
        )


class TestLogSteps:
    def test_values_are_steps_drawn_by_their_logarithm(self):
        domain = FloatRange(low=0.001, high=1.0, log=True, step=0.001)
        rng = random.Random(0)
        drawn = [draw_value(domain, rng) for _ in range(3000)]
        assert all(domain.contains(value) for value in drawn)
        assert Counter(value < 0.03 for value in drawn)[True] / 3000 == pytest.approx(0.5, abs=0.04)

    def test_whole_numbers_too(self):
        domain = IntRange(low=32, high=512, log=True, step=32)
        rng = random.Random(0)
        drawn = {draw_value(domain, rng) for _ in range(2000)}
        assert drawn == set(range(32, 513, 32))
        assert domain.num_values == 16


class TestComputedKeys:
    def test_a_derived_key_follows_and_is_rounded_where_it_takes_whole_numbers(self):
        one = space(
            "kl_anneal_epochs: {int: [4, 9]}\n"
            "cyclical_beta: {choice: [true, false]}\n"
            "cycle_epochs: {expr: kl_anneal_epochs / 2, when: {cyclical_beta: true}}\n"
            "beta: {expr: 1 / z_dim}\n"
        )
        found = {(p["kl_anneal_epochs"], p.get("cycle_epochs")) for p in points(one)}
        assert {(4, 2), (5, 3), (9, 5), (5, None)} <= found
        assert one.keys == ("kl_anneal_epochs", "cyclical_beta")
        assert all(p["beta"] == pytest.approx(1 / 56) for p in points(one))

    def test_constants_hold_under_their_conditions(self):
        one = space(
            "decoder_layers: {int: [1, 3]}\n"
            "decoder_dropout: {constant: 0.25, when: {decoder_layers: [2, 3]}}\n"
        )
        assert [p.get("decoder_dropout") for p in points(one)] == [None, 0.25, 0.25]

    def test_a_list_is_as_long_as_a_derived_key_and_a_condition_hangs_on_one(self):
        one = space(
            "decoder_layers: {int: [1, 3]}\n"
            "encoder_conv_layers: {expr: decoder_layers}\n"
            "encoder_kernel: {list: {choice: [3, 5]}, length: encoder_conv_layers}\n"
            "z_dim: {int: [8, 9], when: {encoder_conv_layers: 3}}\n"
        )
        assert count_points(one, 100) == 2 + 4 + 8 * 2
        assert all(len(p["encoder_kernel"]) == p["decoder_layers"] for p in points(one))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("z_dim: {int: [8, 9]}\nbeta: {expr: 1 / (z_dim - 9)}", "computed with z_dim=9"),
            ("z_dim: {int: [8, 9]}\ndecoder_layers: {expr: z_dim - 9}",
             "space.decoder_layers.expr: it gives 0 where z_dim is 9: give a value above"),
            ("z_dim: {int: [8, 9]}\nbeta: {expr: bata}", "no key bata. Did you mean 'beta'"),
            ("z_dim: {int: [8, 9]}\nlr_schedule: {expr: z_dim}",
             "space.lr_schedule.expr: it gives 9 where z_dim is 9: give"),
            ("z_dim: {int: [8, 9]}\nencoder_conv_layers: {expr: 10 ** 9}\nencoder_kernel: "
             "{list: {choice: [3, 5]}, length: encoder_conv_layers}", "it gives 1000000000"),
            ("z_dim: {int: [8, 9]}\nbeta: {expr: lr}\nlr: {expr: beta}", "in a circle"),
            ("z_dim: {int: [8, 9]}\nepochs: {expr: z_dim}", "epochs cannot be searched"),
            ("z_dim: {int: [8, 9]}\nlr: {constant: x}", "'x' is not possible: the key takes float"),
        ],
    )  # fmt: skip
    def test_mistakes_are_explained(self, text, message):
        assert any(message in each for each in mistakes(text))

    def test_a_derived_key_that_never_acts_is_refused(self, tmp_path):
        change = "space.cycle_epochs={expr: z_dim}"
        with pytest.raises(UserError, match="cycle_epochs would have no effect"):
            load_search("grammar_vae/quickstart", [change])


class TestConstraints:
    def test_points_that_do_not_keep_them_are_told_and_do_not_count(self):
        one = space(
            "z_dim: {int: [1, 6]}\ndecoder_layers: {int: [1, 3]}", ["z_dim * decoder_layers <= 6"]
        )
        judge = judge_of_space(one)
        assert count_points(one, 100) == 6 + 3 + 2
        assert judge({"z_dim": 6, "decoder_layers": 2}) == (0.5,)
        assert judge({"z_dim": 6, "decoder_layers": 1}) == (0.0,)

    def test_they_may_leave_out_what_the_model_refuses(self):
        text = "cyclical_beta: {choice: [true, false]}\ncycle_epochs: {int: [1, 9]}"
        assert "a cycle needs 2" in mistakes(text)[0]
        assert space(text, ["cycle_epochs >= 2"])

    @pytest.mark.parametrize(
        ("constraints", "message"),
        [
            ("z_dim <= 3", "constraints is 'z_dim <= 3': give a list"),
            (["z_dim"], "constraints[0] is 'z_dim': it is neither true nor false"),
            (["not z_dim"], "constraints[0] is 'not z_dim': it is neither true nor false"),
            (["z_dim = 8"], "== compares; there are numbers"),
            (["memory_gb < 8 GB"], "numbers have no units"),
            (["z_dim * 2"], "constraints[0] is 'z_dim * 2': it is neither true nor false"),
            (["z_dim <= 9", "z_dum <= 3"], "[1] is 'z_dum <= 3': nothing is called z_dum."),
            (["beta < 3"], "constraints[0]: `beta < 3` is of no searched key"),
            ([3], "constraints[0] is 3: give a statement as text"),
            (["z_dim < 8"], "constraints[0] is 'z_dim < 8': no point of 2,000 that were drawn"),
            (["z_dim > 7", "z_dim / 0 < 8"], "[1] is 'z_dim / 0 < 8': no point of 2,000"),
            (["z_dim <= 8", "z_dim > 8"], "alone is kept by 50 % of them"),
            (["z_dim < 'x'"], "keeps all constraints (`z_dim < 'x'` cannot be computed"),
        ],
    )  # fmt: skip
    def test_mistakes_are_explained(self, constraints, message):
        assert mistakes("z_dim: {int: [8, 9]}", constraints)[0].startswith(message[:60]) or any(
            message in each for each in mistakes("z_dim: {int: [8, 9]}", constraints)
        )

    def test_a_switch_alone_is_a_statement(self):
        assert space("cyclical_beta: {choice: [true, false]}", ["not cyclical_beta"])

    def test_a_warm_start_has_to_keep_them(self):
        with pytest.raises(UserError, match=r"minimal does not keep the constraint `z_dim < 32`"):
            load_search(
                "grammar_vae/quickstart",
                [
                    "searcher.warm_start=[minimal]",
                    "constraints=['z_dim < 32']",
                    "space={z_dim: {int: [16, 48]}}",
                ],
            )

    def test_the_digest_and_the_seed_change_with_them(self):
        plain = load_search("grammar_vae/quickstart")
        bound = load_search("grammar_vae/quickstart", ["constraints=['z_dim < 40']"])
        assert plain.space.digest != bound.space.digest
        assert plain.seed != bound.seed
        assert "constraints" not in plain.to_mapping()


def test_everything_survives_the_copy_that_a_run_keeps(tmp_path):
    search = load_search(
        "grammar_vae/beta_annealing",
        [
            "searcher.warm_start=[]",
            "space.cycle_epochs={expr: 'max(2, kl_anneal_epochs)', when: {cyclical_beta: true}}",
            "space.kl_anneal_epochs={int: [0, 96], log: false, step: 8}",
            "space.lr={float: [1e-4, 1e-2], log: true, step: 1e-4}",
            "space.decoder_hidden={int: [64, 512], log: true, step: 64}",
            "space.decoder_position={constant: true, when: {encoder_conv_layers: [2, 3]}}",
            "constraints=['params <= 5e6', 'beta * free_bits < 2']",
        ],
    )
    paths = RunPaths(tmp_path / "run")
    write_search(search, paths)
    again = read_search(paths)
    assert again.space == search.space
    assert again.seed == search.seed
    rng, other = random.Random(1), random.Random(1)
    for _ in range(50):
        assert random_point(search.space, rng) == random_point(again.space, other)
