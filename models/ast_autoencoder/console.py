"""What the lines on training of an AST autoencoder show."""

from collections.abc import Mapping


def epoch_parts(m: Mapping[str, float]) -> list[str]:
    """Return what an epoch's line shows of training, and of validation where there was one."""
    train = f"train loss {m['train/loss']:.3f} similarity {m['train/similarity_score']:.4f}"
    return [train, _validation(m)] if "val/loss" in m else [train]


def closing_lines(metrics: Mapping[str, float], part: str = "val") -> list[str]:
    """Return lines on an evaluation of a part: by length, and beside the trivial baselines."""
    lengths = [
        f"{label} {metrics[key]:.1%}"
        for label, key in (
            ("all", f"{part}/exact_match_rate"),
            ("up to 20 nodes", f"{part}/exact_match_rate_le20"),
            ("up to 40", f"{part}/exact_match_rate_le40"),
            ("up to 60", f"{part}/exact_match_rate_le60"),
            ("above 60", f"{part}/exact_match_rate_gt60"),
        )
        if key in metrics
    ]
    lines = [f"exact matches: {', '.join(lengths)}"]
    if f"{part}/one_example_rate" in metrics:
        lines.append(
            f"one hidden example or more: {_beside_baselines(metrics, part, 'one_example_rate')}"
        )
        lines.append(
            f"all hidden examples: {_beside_baselines(metrics, part, 'all_examples_rate')}"
        )
        lines.append(
            f"runs on hidden examples that end with a value: {metrics[f'{part}/run_rate']:.1%}"
        )
    return lines


def _validation(m: Mapping[str, float]) -> str:
    text = (
        f"val loss {m['val/loss']:.3f} similarity {m['val/similarity_score']:.4f} "
        f"exact {m['val/exact_match_rate']:.4f} compiles {m['val/compilation_rate']:.4f}"
    )
    if "val/one_example_rate" in m:
        text += (
            f" runs {m['val/run_rate']:.4f} one example {m['val/one_example_rate']:.4f} "
            f"all {m['val/all_examples_rate']:.4f}"
        )
    return text


def _beside_baselines(m: Mapping[str, float], part: str, name: str) -> str:
    parts = [f"{m[f'{part}/{name}']:.1%}"]
    for key, label in (("constant", "a constant"), ("neighbour", "nearest training program")):
        if f"{part}/{key}_{name}" in m:
            parts.append(f"{label} {m[f'{part}/{key}_{name}']:.1%}")
    return ", ".join(parts)
