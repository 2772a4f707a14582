"""Two ways to the same cross-entropy, and a third by hand."""

import pytest
import torch

from models.ast_autoencoder import loss
from models.ast_autoencoder.columns import columns
from models.ast_autoencoder.head import Head
from models.ast_autoencoder.language.machine import ConstraintMachine


@pytest.fixture
def problem(batch):
    torch.manual_seed(0)
    steps = batch(slice(0, 20)).steps
    head = Head(16)
    features = torch.randn(*steps.ids.shape, 16, requires_grad=True)
    return head, features, steps


def both(head, features, steps):
    keys = head.keys_along(features, steps.definition)
    return [way(head, features, keys, steps) for way in (loss._by_nonterminal, loss._all_columns)]


def test_by_nonterminal_equals_all_columns(problem):
    head, features, _ = problem
    ours, theirs = both(*problem)
    torch.testing.assert_close(ours.nats, theirs.nats)
    assert torch.equal(ours.wrong, theirs.wrong)
    inputs = [features, *head.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(ours.nats.sum(), inputs, retain_graph=True),
        torch.autograd.grad(theirs.nats.sum(), inputs),
        rtol=1e-4,
        atol=1e-4,
    )


def test_nats_are_those_of_a_softmax_over_what_the_machine_allows(problem):
    head, features, steps = problem
    terms = loss.step_terms(head, features, steps)
    keys = head.keys_along(features, steps.definition)
    scores = head(features, keys)[..., torch.as_tensor(columns().column)]
    roomy = ConstraintMachine("cpu", 500)  # so that no step is ruled out by the budget
    allowed = roomy.allowed_in(roomy.contexts_along(steps.ids.t())).transpose(0, 1)
    likely = scores.masked_fill(~allowed, -torch.inf).log_softmax(-1)
    real = steps.ids >= 0
    expected = -likely.gather(2, steps.ids.clamp(min=0)[..., None]).squeeze(2)
    torch.testing.assert_close(terms.nats[real], expected[real], rtol=1e-4, atol=1e-4)
    assert not terms.nats[~real].any()
    best = scores.masked_fill(~allowed, -torch.inf).argmax(-1)
    assert torch.equal(terms.wrong[real], (best != steps.ids)[real])


def test_steps_without_a_choice_cost_nothing(problem):
    head, features, steps = problem
    terms = loss.step_terms(head, features, steps)
    forced = steps.group < 0
    assert forced.any()
    assert not terms.nats[forced].any()
    assert not terms.wrong[forced].any()


@pytest.mark.parametrize("value", [0.0, torch.nan])
def test_equal_scores_and_nan_are_wrong(value, problem):
    head, features, steps = problem
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(value)
    chosen = steps.group >= 0
    for terms in both(head, features, steps):
        assert torch.equal(terms.wrong, chosen)


@pytest.mark.parametrize("other", [2.0, 3.0, torch.nan])
def test_one_other_score_as_high_or_nan_is_wrong(other):
    scores, target = torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, -torch.inf]]), torch.tensor([1, 1])
    assert loss._wrong(scores, target).tolist() == [False, False]
    scores[:, 0] = other
    assert loss._wrong(scores, target).tolist() == [True, True]
