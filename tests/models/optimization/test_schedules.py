"""Beta and the learning rate over training."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.optimization.schedules import PlateauFactor, beta_at, lr_factor

betas = st.floats(0.001, 10)


def linear(epoch, beta, anneal_epochs):
    return beta_at(epoch, beta=beta, anneal_epochs=anneal_epochs, cycle_epochs=None)


def cyclical(epoch, beta, cycle_epochs, anneal_epochs=20):
    return beta_at(epoch, beta=beta, anneal_epochs=anneal_epochs, cycle_epochs=cycle_epochs)


def test_linear_annealing_rises_from_zero_in_equal_steps():
    rises = [linear(epoch, 0.5, 5) for epoch in range(1, 9)]
    assert rises == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])


@given(beta=betas, anneal_epochs=st.integers(1, 300), epoch=st.integers(1, 1000))
def test_linear_annealing_reaches_beta_and_stays(beta, anneal_epochs, epoch):
    value = linear(epoch, beta, anneal_epochs)
    assert 0 <= value <= beta
    assert (value == beta) == (epoch > anneal_epochs)
    assert value <= linear(epoch + 1, beta, anneal_epochs)


@given(beta=betas, epoch=st.integers(1, 1000))
def test_without_annealing_beta_holds_from_the_start(beta, epoch):
    assert linear(epoch, beta, 0) == beta


@given(beta=betas, cycle_epochs=st.integers(2, 100), cycle=st.integers(0, 10))
def test_every_cycle_starts_at_zero_reaches_beta_and_holds_it(beta, cycle_epochs, cycle):
    """A public trainer of such models never reaches the maximum."""
    first = cycle * cycle_epochs + 1
    values = [cyclical(epoch, beta, cycle_epochs) for epoch in range(first, first + cycle_epochs)]
    assert values[0] == 0.0
    assert max(values) == beta
    rise = cycle_epochs // 2
    assert values == sorted(values)
    assert values[rise:] == [beta] * (cycle_epochs - rise)
    assert all(value < beta for value in values[:rise])


def test_a_cycle_of_ten_epochs_in_numbers():
    values = [cyclical(epoch, 1.0, 10) for epoch in range(1, 12)]
    assert values == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])


def test_cycles_do_not_depend_on_the_annealing_epochs():
    assert cyclical(3, 1.0, 10, anneal_epochs=0) == cyclical(3, 1.0, 10, anneal_epochs=500) == 0.4


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_constant_rates_are_constant(schedule):
    assert {lr_factor(step, num_steps=50, schedule=schedule) for step in range(50)} == {1.0}


def test_the_cosine_falls_from_the_peak_to_a_hundredth():
    factors = [lr_factor(step, num_steps=101, schedule="cosine") for step in range(101)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == 1.0
    assert factors[50] == pytest.approx((1 + 0.01) / 2)
    assert factors[100] == pytest.approx(0.01)


def test_one_cycle_starts_low_peaks_after_three_tenths_and_ends_near_zero():
    factors = [lr_factor(step, num_steps=101, schedule="one_cycle") for step in range(101)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors.index(max(factors)) == 30
    assert factors[30] == pytest.approx(1.0)
    assert factors[100] == pytest.approx(1e-4)
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)


@given(
    num_steps=st.integers(1, 1000),
    step=st.integers(0, 2000),
    schedule=st.sampled_from(["constant", "plateau", "cosine", "one_cycle"]),
)
def test_factors_lie_between_zero_and_one(num_steps, step, schedule):
    assert 0 < lr_factor(step, num_steps=num_steps, schedule=schedule) <= 1


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_a_run_that_is_longer_than_planned_stays_at_the_end(schedule):
    end = lr_factor(99, num_steps=100, schedule=schedule)
    assert lr_factor(250, num_steps=100, schedule=schedule) == end


def test_the_plateau_halves_the_rate_after_patience_runs_out():
    plateau = PlateauFactor(patience=2)
    factors = []
    for loss in (5.0, 4.0, 4.0, 4.1, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0):
        plateau.update(loss)
        factors.append(plateau.factor)
    assert factors == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_the_plateau_has_a_floor():
    plateau = PlateauFactor(patience=0)
    for _ in range(100):
        plateau.update(1.0)
    assert plateau.factor == 1e-3


def test_a_loss_that_is_not_a_number_is_no_improvement():
    plateau = PlateauFactor(patience=1)
    for loss in (1.0, math.nan, math.nan):
        plateau.update(loss)
    assert (plateau.best, plateau.factor) == (1.0, 0.5)


def test_the_plateau_goes_on_where_its_state_was_taken():
    straight, first, later = (PlateauFactor(patience=1) for _ in range(3))
    losses = [5.0, 5.0, 5.0, 5.0, 5.0, 4.0, 4.0]
    for loss in losses:
        straight.update(loss)
    for loss in losses[:4]:
        first.update(loss)
    later.load_state_dict(first.state_dict())
    for loss in losses[4:]:
        later.update(loss)
    assert later.state_dict() == straight.state_dict()
