"""Trains a plan on its fresh seeds, in a run of its own, and judges it: `promote` and `verify`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.errors import UserError
from models.training.console import duration
from models.wording import are, count
from tuner.commands.check import num_parallel_here
from tuner.commands.console import output
from tuner.estimate.confirmation import (
    ConfirmationCost,
    alone_share,
    confirmation_cost,
    seconds_per_epoch,
)
from tuner.estimate.disk import check_room, model_sizes
from tuner.promotion.confirmation_plan import Plan, Training, confirmation_search
from tuner.promotion.contenders import settings_key
from tuner.promotion.trained import Trained, has_ended, results, to_train_again
from tuner.promotion.verdicts import by_chance, judge
from tuner.record.confirmations import Confirmation, read_confirmations, write_confirmations
from tuner.record.environment import code_state, describe_data, describe_driver
from tuner.record.paths import RunPaths, is_run
from tuner.record.results import Run, read_run
from tuner.running.address import given_address
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions, run_search

_HOUR_S = 3600.0


def confirm(run: Run, plan: Plan, options: RunOptions) -> Confirmation:
    """Train the winners of a run and the preset to beat on fresh seeds, and judge them.

    What was trained before is not trained again, and what was broken off goes on.

    Raises:
        UserError: what a search may raise, and that the data are others than the search had.
        SearchInterrupted: somebody ended it; the same command goes on.
    """
    recorded = read_confirmations(run.paths)
    known = next((one for one in recorded if one.id == plan.id), None)
    if known is not None:
        failed = by_chance(known)
        output().print(f"confirmed before, as {known.id}{_again_words(failed)}", soft_wrap=True)
        if not failed:
            return known
    own = RunPaths(run.paths.confirmations / plan.id)
    digest = run.environment.get("data", {}).get("digest")
    alone = alone_share(run.environment.get("gpu_share", {}), plan.search.resources.gpu)
    times = epoch_times(run, plan)
    trained = train(plan, own, options, rows=times, digest=digest, alone=alone)
    confirmation = judge(plan, trained)
    others = [one for one in recorded if one.id != plan.id]
    write_confirmations(run.paths, [*others, confirmation])
    return confirmation


def _again_words(failed: Sequence[str]) -> str:
    if not failed:
        return ": nothing is trained again"
    causes = ", ".join(dict.fromkeys(failed))
    return (
        f", but {len(failed)} of its trainings failed by no fault of their settings ({causes}): "
        "what failed so is trained again"
    )


def train(
    plan: Plan,
    own: RunPaths,
    options: RunOptions,
    *,
    rows: Callable[[Training], float | None],
    digest: str | None,
    alone: float = 1.0,
) -> dict[str, Trained]:
    """Train what a plan still lacks, and return all that counts for it.

    Args:
        plan: what is wanted.
        own: the folder of its run, which may be there.
        options: how it is run.
        rows: gives the seconds of an epoch of a training, as far as they are known.
        digest: of the data that it has to have; None for any.
        alone: what an epoch takes without others beside it, as a share of what `rows` gives.
    """
    driver = describe_driver(code_state(), options.command)
    done = results(plan, own, driver)
    missing = [
        one
        for one in plan.trainings
        if (found := done.get(one.key)) is None or found.failed_by_chance
    ]
    times = [rows(one) for one in missing]
    gpu = plan.search.resources.gpu
    cost = confirmation_cost(times, plan.search.scheduler.max_epochs, gpu, alone)
    output().print(cost_words(plan, cost, options), soft_wrap=True)
    if is_run(own):
        again = to_train_again(plan, own, done)
        if again or not has_ended(read_run(own)):
            resume_run(own, options, ResumeOptions(again=again))
    elif missing:
        own.folder.mkdir(parents=True, exist_ok=True)
        source = f"confirmation {plan.id}"
        options = replace(
            options,
            check_data=_refuse_other_data(digest),
            model_sizes=model_sizes,
            check_room=check_room,
        )
        run_search(confirmation_search(plan, missing, source), options, own)
    return results(plan, own, driver)


def epoch_times(run: Run, plan: Plan) -> Callable[[Training], float | None]:
    """Return what gives the seconds of an epoch: the trial's own, else those of usual trials."""
    seconds = seconds_per_epoch(run.rows)
    config_for = plan.search.config_for
    known = {
        settings_key(config_for(row.params)): seconds[row.number]
        for row in run.rows
        if row.number in seconds
    }
    return lambda training: known.get(settings_key(training.contender.config))


def cost_words(plan: Plan, cost: ConfirmationCost, options: RunOptions) -> str:
    """Return what a confirmation will cost, before it starts."""
    whole = len(plan.trainings)
    search = plan.search
    epochs = search.scheduler.max_epochs
    settings = len(plan.candidates) + 1
    words = [
        f"confirmation {plan.id}: {settings} {'setting' if settings == 1 else 'settings'} x "
        f"{len(plan.seeds)} seeds ({', '.join(map(str, plan.seeds))}) = {whole} trainings of at "
        f"most {count(epochs, 'epoch')}"
    ]
    done = whole - cost.trainings
    if done:
        words.append(
            f"{done} of them {are(done)} done, {cost.trainings} {are(cost.trainings)} left"
        )
    if not cost.trainings:
        return words[0] + "; all of them are done"
    words.append(f"at most {count(cost.epochs, 'epoch')} to train")
    if cost.hours is not None:
        slots = num_parallel_here(search)
        wall = None if given_address(options.address) else cost.wall_s(slots)
        words.append(
            f"about {duration(cost.hours * _HOUR_S)} of training by the search's own epochs"
            + guessed_words(cost)
            + (f", {cost.gpu_hours:.2g} GPU-hours" if cost.gpu_hours else "")
            + (f"; {min(slots, cost.trainings)} at a time: {duration(wall)}" if wall else "")
        )
    return "; ".join(words)


def guessed_words(cost: ConfirmationCost) -> str:
    """Return whose epochs the search never timed, in words; none where it timed all."""
    if not cost.guessed:
        return ""
    which = "all" if cost.guessed == cost.trainings else f"{cost.guessed} of them"
    return f" ({which} by its usual ones, as it trained no such settings: networks may be larger)"


def _refuse_other_data(digest: str | None) -> Callable[[Any], None]:
    def check(dataset: Any) -> None:
        found: Mapping[str, Any] = describe_data({}, dataset)
        if digest is not None and found.get("digest") != digest:
            raise UserError(
                f"the data are others (digest {str(found.get('digest'))[:12]}) than those that "
                f"were trained on ({digest[:12]}), so values cannot be compared: restore them"
            )

    return check
