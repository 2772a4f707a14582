"""A report for people and for programs: lines on the console, `report.json`, prior samples."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.config_file import write_text
from models.grammar_vae.coefficients import CoefficientErrors
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.report_metrics import FamilyAccuracy, PriorSample, Report
from models.grammar_vae.trained import TrainedModel
from models.wording import count

REPORT_NAME = "report.json"
SAMPLES_NAME = "prior_samples.txt"
_NO_GRAMMAR = "not available without a grammar"
_NUM_WEAKEST = 3
_MOST_FAMILIES = 20


def report_lines(
    report: Report, model: TrainedModel, dataset: DerivationDataset, *, all_families: bool = False
) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        report: what was measured.
        model: of what.
        dataset: on what.
        all_families: one line for each label instead of the weakest on one line.
    """
    metrics = report.metrics
    yield (
        f"{report.split}: {count(report.num_rows, 'row')} of {dataset.name}, "
        f"{model.source.name} (epoch {model.epoch})"
    )
    yield (
        f"  seq_acc {metrics['seq_acc']:.4f} | sampled {metrics['seq_acc_sampled']:.4f} | "
        f"token_acc {metrics['token_acc']:.4f} | recon {metrics['recon']:.2f} "
        f"kl {metrics['kl']:.2f} elbo {metrics['elbo']:.2f} | "
        f"{metrics['active_units']:.0f} of {model.config.z_dim} latents active"
    )
    yield f"  {_baseline_line(report)}"
    if report.coefficients is not None or model.grammar is None:
        yield f"  coefficients: {_coefficient_line(report.coefficients)}"
    yield from _family_lines(report.families, all_families)
    yield f"  prior samples: {_prior_line(report.prior)}"
    if model.training_data["digest"] != dataset.digest:
        yield (
            f"  note: the model was trained on other rows or another split "
            f"({model.training_data['name']}); some of these may be among its training rows"
        )


def write_report(
    folder: Path, report: Report, model: TrainedModel, dataset: DerivationDataset
) -> list[Path]:
    """Write `report.json`, and `prior_samples.txt` where there is a grammar; return the files.

    Raises:
        UserError: the folder cannot be written.
    """
    path = folder / REPORT_NAME
    write_text(path, json.dumps(_to_json(report, model, dataset), indent=1) + "\n")
    if report.prior is None:
        return [path]
    samples = folder / SAMPLES_NAME
    write_text(samples, _samples_text(report.prior))
    return [path, samples]


def _baseline_line(report: Report) -> str:
    shares = {
        "forced steps": report.baselines.forced,
        "the usual production of each step": report.baselines.most_frequent,
        "all digits wrong": report.baselines.digits_wrong,
    }
    known = [f"{name} {share:.4f}" for name, share in shares.items() if share is not None]
    return f"token_acc to beat: {', '.join(known)}"


def _coefficient_line(errors: CoefficientErrors | None) -> str:
    if errors is None:
        return _NO_GRAMMAR
    if not errors.num_coefficients:
        return f"{errors.same_skeleton:.2%} of rows keep everything but numbers; none to compare"
    return (
        f"{errors.same_skeleton:.2%} of rows keep everything but numbers; of their "
        f"{errors.num_coefficients:,} numbers {errors.wrong:.2%} differ, mean error "
        f"{errors.mean_absolute:.4g} ({errors.mean_relative:.2%})"
    )


def _family_lines(families: Sequence[FamilyAccuracy], all_families: bool) -> Iterator[str]:
    if not families:
        return
    if not all_families:
        weakest = ", ".join(f"{f.name} {f.seq_acc:.4f}" for f in families[:_NUM_WEAKEST])
        yield f"  weakest of {len(families)} families: {weakest}"
        return
    shown = families[:_MOST_FAMILIES]
    width = max(len("family"), *(len(family.name) for family in shown))
    numbers = "" if shown[0].same_skeleton is None else "  but for numbers"
    yield f"  {'family':<{width}}  {'rows':>6}  seq_acc{numbers}"
    for family in shown:
        skeleton = "" if family.same_skeleton is None else f"{family.same_skeleton:.4f}"
        line = f"  {family.name:<{width}}  {family.num_rows:>6,}  {family.seq_acc:.4f}   {skeleton}"
        yield line.rstrip()
    if len(families) > len(shown):
        yield f"  ... and {len(families) - len(shown)} more, each at least as good as these"


def _prior_line(prior: Sequence[PriorSample] | None) -> str:
    if prior is None:
        return _NO_GRAMMAR
    shares = _prior_shares(prior)
    return (
        f"{shares['num_samples']:,} drawn, {shares['unique']:.1%} distinct, {shares['novel']:.1%} "
        "not among the training rows"
    )


def _prior_shares(prior: Sequence[PriorSample]) -> dict[str, float]:
    num_samples = sum(sample.count for sample in prior)
    novel = sum(sample.count for sample in prior if sample.novel)
    return {
        "num_samples": num_samples,
        "unique": len(prior) / num_samples,
        "novel": novel / num_samples,
    }


def _samples_text(prior: Sequence[PriorSample]) -> str:
    lines = [
        f"# {_prior_line(prior)}.",
        "# times drawn, novel or among the training rows (known), text",
    ]
    lines += [f"{s.count:>4}  {'novel' if s.novel else 'known'}  {s.text}" for s in prior]
    return "\n".join(lines) + "\n"


def _to_json(report: Report, model: TrainedModel, dataset: DerivationDataset) -> dict[str, Any]:
    errors = report.coefficients
    return {
        "checkpoint": str(model.source),
        "epoch": model.epoch,
        "data": {"name": dataset.name, "digest": dataset.digest},
        "trained_on": model.training_data,
        "split": report.split,
        "num_rows": report.num_rows,
        "metrics": report.metrics,
        "token_acc_baselines": dataclasses.asdict(report.baselines),
        "coefficients": None if errors is None else dataclasses.asdict(errors),
        "families": [dataclasses.asdict(family) for family in report.families],
        "prior": None if report.prior is None else _prior_shares(report.prior),
    }
