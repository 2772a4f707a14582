import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from models.grammar_vae.network.fused_step import Latent, finish_step, weigh_rows
from models.grammar_vae.network.network import build_network
from models.grammar_vae.step import TrainStep
from models.layers.cuda_kernels import kernels_run_on
from models.optimization.optimizers import Adam
from models.training.rows_step import RowsStep
from models.training.summed_step import UpdateSettings

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


@pytest.mark.parametrize(("batch", "z_dim"), [(1, 1), (37, 26), (256, 56), (9, 300)])
def test_latents_and_kl_agree_with_their_formulas(batch: int, z_dim: int) -> None:
    torch.manual_seed(0)
    posterior = (8 * torch.randn(batch, 2 * z_dim, device="cuda")).bfloat16().requires_grad_()
    noise = torch.randn(batch, z_dim, device="cuda")
    d_z, d_kl = torch.randn(batch, z_dim, device="cuda"), torch.randn(batch, device="cuda")
    z, kl = Latent.apply(posterior, noise)  # pyright: ignore[reportGeneralTypeIssues]
    (found,) = torch.autograd.grad((z, kl), posterior, (d_z, d_kl))
    second = posterior.detach().double().requires_grad_()
    mean, log_variance = second.chunk(2, dim=1)
    log_variance = log_variance.clamp(-20, 20)
    z2 = mean + noise * torch.exp(0.5 * log_variance)
    kl2 = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    (expected,) = torch.autograd.grad((z2, kl2), second, (d_z.double(), d_kl.double()))
    torch.testing.assert_close(z.double(), z2, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(kl.double(), kl2, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.double(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("weighted", [False, True])
def test_row_weights_are_the_gradient_of_the_mean_loss(weighted: bool) -> None:
    torch.manual_seed(1)
    batch, free_bits = 300, 0.5
    terms = torch.rand(3, batch, device="cuda")
    terms[1:] = (3 * terms[1:]).round()
    kl = torch.rand(batch, device="cuda").requires_grad_()
    recon = terms[0].clone().requires_grad_()
    weight = (torch.rand(batch, device="cuda") > 0.3).float() if weighted else None
    beta = torch.tensor(0.7, device="cuda")
    sums = torch.zeros(9, dtype=torch.float64, device="cuda")
    d_terms, d_kl, bad = weigh_rows(
        terms, kl.detach(), weight, beta=beta, sums=sums, free_bits=free_bits
    )
    real = torch.ones(batch, device="cuda") if weight is None else weight
    loss = recon + beta * kl.clamp(min=free_bits)
    ((loss * real).sum() / real.sum()).backward()
    assert recon.grad is not None
    assert kl.grad is not None
    torch.testing.assert_close(d_terms[0], recon.grad)
    torch.testing.assert_close(d_kl, kl.grad)
    right = (terms[1] == terms[2]).float()
    rows = torch.stack([torch.ones_like(kl), recon, kl, loss, right, terms[1], terms[2]]).double()
    torch.testing.assert_close(sums[:7], (rows * real).sum(1).detach())
    assert bad.tolist() == [0.0, 0.0]


def test_parts_of_a_batch_have_the_gradients_that_they_have_in_it() -> None:
    torch.manual_seed(2)
    terms, kl = torch.rand(3, 60, device="cuda"), torch.rand(60, device="cuda")
    weight = torch.tensor([1.0] * 17 + [0.0] * 43, device="cuda")  # the second part is a filler
    beta, num_rows = torch.tensor(0.7, device="cuda"), weight.sum()

    def weighed(rows: slice, whole: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        sums = torch.zeros(9, dtype=torch.float64, device="cuda")
        of_rows = terms[:, rows].contiguous(), kl[rows], weight[rows]
        d_terms, d_kl, bad = weigh_rows(
            *of_rows, beta=beta, sums=sums, free_bits=0.1, num_rows=whole
        )
        assert bad.tolist() == [0.0, 0.0]
        return torch.stack([d_terms[0], d_kl]), sums

    whole, whole_sums = weighed(slice(60), None)
    parts = [weighed(rows, num_rows) for rows in (slice(30), slice(30, 60))]
    torch.testing.assert_close(torch.cat([part for part, _ in parts], dim=1), whole)
    torch.testing.assert_close(parts[0][1] + parts[1][1], whole_sums)
    assert parts[1][0].tolist() == torch.zeros(2, 30).tolist()


def test_what_was_not_finite_first_is_kept() -> None:
    state = (
        torch.zeros(9, dtype=torch.float64, device="cuda"),
        torch.zeros(5, dtype=torch.bool, device="cuda"),
        torch.zeros((), dtype=torch.int64, device="cuda"),
    )
    fine, bad = torch.tensor([3.0, 4.0, 0.0], device="cuda"), torch.zeros(2, device="cuda")
    assert finish_step(fine, bad, state, 1.0).item() == pytest.approx(0.2)
    assert finish_step(fine, bad, state, 0.0).item() == 1.0
    finish_step(torch.tensor([1.0, torch.inf, 1.0], device="cuda"), bad, state, 1.0)
    finish_step(torch.tensor([torch.nan, 1.0, 1.0], device="cuda"), bad, state, 1.0)
    assert state[1].tolist() == [False, False, False, True, False]
    assert state[2].item() == 3
    assert state[0][8].item() == 4.0


def _select(ids: Tensor, rows: Tensor, num_steps: int) -> tuple[Tensor, Tensor]:
    return ids[rows, :num_steps].contiguous(), torch.tensor(0.1, device=rows.device)


@pytest.mark.parametrize("micro_batches", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"decoder_position": True},
        {"encoder_pool": "mean", "decoder_input": "latent_state", "encoder_style": "plain"},
        {"decoder_input": "weighted_latent", "encoder_kernel": [4, 3, 2]},
    ],
)
def test_two_steps_move_as_those_in_float32_do(tiny, changes: dict, micro_batches: int) -> None:
    config = tiny(encoder_hidden=64, encoder_conv_layers=3, decoder_hidden=96, **changes)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 7, (64, 9), generator=generator)
    ids[1, 4:], ids[2:9, 5:] = -1, -1
    noise = torch.randn(64, config.z_dim, generator=generator).cuda()
    rules = SimpleNamespace(
        competitors=torch.ones(7, 7, dtype=torch.bool, device="cuda"),
        competing=lambda ids: torch.ones(*ids.shape, 7, dtype=torch.bool, device="cuda"),
    )
    moments = []
    for autocast in (torch.bfloat16, None):
        torch.manual_seed(0)
        network = build_network(config, num_ids=7, num_steps=12).cuda().train()
        optimizer = Adam(network.parameters(), lr=1e-4, fused=True)
        settings = UpdateSettings(clip_norm=1.0, autocast=autocast)
        step = TrainStep(network, optimizer, settings, rules=rules, free_bits=0.5)  # pyright: ignore[reportArgumentType]
        step.draw = lambda num_rows: (noise[:num_rows],)
        work = RowsStep(step, partial(_select, ids.cuda()), micro_batches=micro_batches)
        step.reset()
        rows = torch.arange(64, device="cuda")
        for _ in range(2):
            work(rows, 9, (rows < 60).float())
        moments.append((step, [state["exp_avg"] for state in optimizer.state.values()]))
    (step, found), (_, expected) = moments
    for name, mine, other in zip(step.names, found, expected, strict=True):
        assert float((mine - other).norm() / other.norm()) < 0.1, name
    assert float((step.sums[:8] / moments[1][0].sums[:8] - 1).nan_to_num().abs().max()) < 0.02
    for copy, weight in zip(step.copies, _copied(step), strict=True):
        assert torch.equal(copy, weight.detach().to(torch.bfloat16))


def _copied(step: TrainStep) -> list[Tensor]:
    assert step._fused is not None
    return [w.parameter for w in step._fused.weights.values() if w.copy is not None]


def test_a_process_that_trains_does_not_import_sympy() -> None:
    """Torch does for a backward pass that begins with gradients: 3 s in every worker."""
    code = """
import sys
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.task import GrammarVaeTask
data = load_dataset(DataConfig(dataset="equations", num_rows=300))
task = GrammarVaeTask(GrammarVaeConfig(epochs=1), data, "cuda")
task.train_epoch(1)
task.evaluate()
print("sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
