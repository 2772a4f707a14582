"""Free-running decoding: legal whatever the latent, and what teacher forcing promises."""

import pytest
import torch
from program_rules.checking import check_programs
from torch.utils._python_dispatch import TorchDispatchMode

from models.ast_autoencoder.beam import beam_search
from models.ast_autoencoder.decoding import Stepper, best_offer, decode, sampler
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network.batches import StepBatch
from models.ast_autoencoder.network.encoder import on_sphere
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.tensors import step_tensors
from models.errors import UserError
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine


def masks_along(machine, ids):
    """What was allowed at each step of given programs, (batch, time, productions)."""
    return machine.allowed_in(machine.contexts_along(ids))


@pytest.fixture(params=[("gru", 1), ("gru", 2), ("transformer", 2)], ids=str)
def network(request, small):
    torch.manual_seed(1)
    kind, layers = request.param
    return build_network(small(decoder_kind=kind, decoder_layers=layers)).eval()


@pytest.fixture
def latents():
    return on_sphere(torch.randn(24, 24, generator=torch.Generator().manual_seed(5)))


@pytest.fixture
def machine():
    return ConstraintMachine("cpu", 48)


def terms_of(network, latents, ids):
    steps = step_tensors(ids.numpy().astype("int16"))
    batch = StepBatch.select(steps, torch.arange(len(ids)), ids.shape[1])
    with torch.no_grad():
        return step_terms(network.head, network.decoder(latents, batch), batch), batch


def test_every_decoded_program_is_legal(network, latents, machine):
    check_programs(decode(network, latents, machine).numpy())
    choose = sampler(torch.Generator().manual_seed(0), 3.0, top_k=20)
    check_programs(decode(network, latents, machine, choose).numpy())


def test_greedy_decoding_takes_the_best_by_teacher_forcing_while_there_is_room(
    network, latents, machine
):
    ids = decode(network, latents, machine)
    terms, batch = terms_of(network, latents, ids)
    first_wrong = torch.where(terms.wrong.any(0), terms.wrong.int().argmax(0), 10_000)
    # The loss leaves the budget out, so the two part where the budget begins to rule.
    allowed = masks_along(machine, ids)
    roomy = masks_along(ConstraintMachine("cpu", 500), ids)
    cut = (allowed != roomy).any(-1)
    first_cut = torch.where(cut.any(1), cut.int().argmax(1), 10_000)
    assert (first_wrong >= first_cut).all()
    assert batch.ids.shape[1] == len(ids)


def test_a_beam_of_one_is_greedy(network, latents, machine):
    ids, _ = beam_search(network, latents, machine, 1)
    assert torch.equal(ids[:, 0], decode(network, latents, machine))


def test_a_beam_holds_different_programs_best_first(network, latents, machine):
    ids, total = beam_search(network, latents[:6], machine, 4)
    assert (total[:, :-1] >= total[:, 1:]).all()
    for row in ids:
        assert len({tuple(program.tolist()) for program in row}) == 4
        check_programs(row.numpy())


def test_a_beam_wider_than_the_language_repeats_programs(network, latents):
    machine = ConstraintMachine("cpu", ConstraintMachine("cpu", 100).min_length)
    ids, total = beam_search(network, latents[:1], machine, 100_0)
    check_programs(ids[0].numpy())
    assert total.isinf().any()


def test_programs_start_with_the_prefix(network, latents, machine):
    of = language()
    prefix = (of.id_of("program_str"), of.id_of("param_int"), of.id_of("last_list"))
    beams, _ = beam_search(network, latents[:3], machine, 4, prefix=prefix)
    check_programs(beams.flatten(0, 1).numpy())
    assert (beams[..., :3] == torch.tensor(prefix)).all()


def test_sampling_is_seeded(network, latents, machine):
    def sample(seed):
        return decode(network, latents, machine, sampler(torch.Generator().manual_seed(seed), 1.0))

    assert torch.equal(sample(1), sample(1))
    assert not torch.equal(sample(1), sample(2))


def test_top_1_is_greedy(network, latents, machine):
    choose = sampler(torch.Generator().manual_seed(0), 1.0, top_k=1)
    assert torch.equal(decode(network, latents, machine, choose), decode(network, latents, machine))


@pytest.mark.parametrize(("temperature", "top_k", "message"), [(0.0, None, "temperature is 0"),
                                                               (1.0, 0, "top_k is 0")])  # fmt: skip
def test_sampling_out_of_range_is_refused(temperature, top_k, message):
    with pytest.raises(UserError, match=message):
        sampler(torch.Generator(), temperature, top_k)


def test_rows_do_not_depend_on_their_neighbours(network, latents, machine):
    together = decode(network, latents, machine)
    assert torch.equal(decode(network, latents[3:5], machine), together[3:5])


class Operations(TorchDispatchMode):
    """Counts the operations that compute something: each is a kernel that a GPU waits for."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def test_a_step_takes_as_many_operations_whatever_the_language_has(latents, machine, small):
    """Types and kinds make tables longer; before there was an operation or two for each (158)."""
    torch.manual_seed(1)
    stepper = Stepper(build_network(small()).eval(), machine)
    with torch.no_grad():
        prefixes = stepper.begin(latents)
        with Operations() as of_step:
            offers, looked = stepper.offers(prefixes)
            stepper.take(prefixes, looked, offers.at(best_offer(offers)))
    assert of_step.count <= 85


def test_offers_are_the_productions_that_may_follow(network, latents, machine):
    stepper = Stepper(network, machine)
    with torch.no_grad():
        prefixes = stepper.begin(latents)
        for _ in range(12):
            offers, looked = stepper.offers(prefixes)
            allowed = machine.allowed(prefixes.machine)
            assert torch.equal(offers.spread() > -torch.inf, allowed)
            chosen = offers.at(best_offer(offers))
            assert torch.equal(chosen, offers.spread().argmax(dim=1))
            prefixes = stepper.take(prefixes, looked, chosen)
