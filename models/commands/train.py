"""How every training command works: flags over a preset or a run, data, a folder, then training.

What differs between the models, each gives as a `TrainCommand`.
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import tyro

from models.commands.flags import read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.effects import idle_notes, refuse_idle_flags
from models.errors import UserError
from models.presets import find_preset
from models.training.contracts import ModelSpec
from models.training.layout import RunFolder
from models.training.run_start import Start, read_start
from models.training.sinks import LogSettings

if TYPE_CHECKING:
    from models.training.run import ModelRun


@dataclass(frozen=True, kw_only=True)
class StartFlags:
    """The flags that every training command has."""

    config: str | None = None
    """Preset to start from: built in, or found in ./presets; default: the values below."""
    resume: Path | None = None
    """Checkpoint to go on from, or a run's folder for its latest, with its settings and data."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """The training command of a model.

    Attributes:
        spec: the model.
        flags_type: dataclass of all flags: `StartFlags`, and `model` with the settings.
        about: what `--help` says first.
        blocks: fields of the flags that hold settings to check, in this order.
        resumed: `(start, settings, where)`, flags that a run that goes on has by default; from what
            is given that they depend on, and from what its folder says in the file `where`.
        data: `(flags)`, which data to load; raises UserError where none are given, or where flags
            are wrong in what only this model knows.
        device: `(flags)`, the torch device.
        log: `(flags)`, where metrics go.
        settings: `(flags, data, device)`, what the folder keeps, so that the run can be repeated.
        model_run: `(flags)`, what the model adds to the run.
        new_folder: `(flags)`, makes the folder of a new run.
        folder_of: finds the folder by a checkpoint or by itself.
        read_folder: returns the settings that it keeps.
        header: `(folder)`, what stands above them.
        shown: `(data set, settings, device)`, what W&B shows as the run's configuration.
    """

    spec: ModelSpec
    flags_type: type
    about: str | None
    blocks: tuple[str, ...]
    resumed: Callable[[Start, Mapping[str, Any], str], Any]
    data: Callable[[Any], Any]
    device: Callable[[Any], str]
    log: Callable[[Any], LogSettings]
    settings: Callable[[Any, Any, str], dict[str, Any]]
    model_run: Callable[[Any], "ModelRun"]
    new_folder: Callable[[Any], RunFolder]
    folder_of: Callable[[Path], RunFolder]
    read_folder: Callable[[Any], Mapping[str, Any]]
    header: Callable[[RunFolder], str] = lambda folder: ""
    shown: Callable[[Any, dict[str, Any], str], dict[str, Any]] = lambda _, settings, device: (
        settings
    )

    def main(self) -> NoReturn:
        """Run the command as it was typed."""
        raise SystemExit(run_command(lambda: self.run(sys.argv[1:])))

    def run(self, arguments: Sequence[str]) -> None:
        """Train as the arguments say.

        Raises:
            UserError: they are wrong, or training fails in a way that the user can mend.
        """
        flags = self.parse(arguments)
        self._check_effects(arguments, flags.model)
        data = self.data(flags)
        with show_progress() as progress:
            dataset = self.spec.load_data(data, progress)
        # torch takes seconds to import; mistakes in flags and data are told before.
        from models.training.resuming import checkpoint_to_resume
        from models.training.run import TrainingRun

        device = self.device(flags)  # before a folder is made
        settings = self.settings(flags, data, device)
        resume = flags.resume
        folder = self.new_folder(flags) if resume is None else self.folder_of(resume)

        def write_settings() -> None:
            folder.write_settings(settings, self.header(folder))

        if resume is None:
            write_settings()
        run = TrainingRun(
            model=self.model_run(flags),
            config=flags.model,
            dataset=dataset,
            log=self.log(flags),
            folder=folder,
            run_settings=self.shown(dataset, settings, device),
            write_settings=write_settings,
            resume=None if resume is None else checkpoint_to_resume(folder, resume),
            device=device,
            name=flags.config or "custom",
        )
        run.train()

    def parse(self, arguments: Sequence[str]) -> Any:
        """Read the flags twice: first for the preset or checkpoint, then for what beats it."""
        given = read_flags(self.flags_type, arguments, self.spec.train_command)
        defaults = self._defaults(read_start(given.without_help))
        for block in self.blocks:
            given.check_block(getattr(defaults, block))
        flags = tyro.cli(
            self.flags_type,
            args=given.arguments_beside(defaults),
            prog=self.spec.train_command,
            description=self.about,
            default=defaults,
            use_underscores=True,
        )
        blocks = {name: getattr(flags, name) for name in self.blocks}
        checked = {
            name: to_config(type(block), to_mapping(block), "flags")
            for name, block in blocks.items()
        }
        return dataclasses.replace(flags, **checked)

    def _defaults(self, start: Start) -> Any:
        if start.resume is not None:
            folder = self.folder_of(start.resume)
            if not start.resume.exists():
                raise UserError(f"{start.resume}: no such checkpoint")
            return self.resumed(start, self.read_folder(folder), str(folder.settings))
        preset = find_preset(self.spec, start.config).config if start.config else None
        return self.flags_type(model=preset or self.spec.config_type())

    def _check_effects(self, arguments: Sequence[str], config: Any) -> None:
        """Refuse flags without effect, and say which keys of a preset have none."""
        settings, applies = to_mapping(config), self.spec.applies
        given = read_flags(self.flags_type, arguments, self.spec.train_command).values
        refuse_idle_flags(applies, settings, given)
        for note in idle_notes(applies, settings, to_mapping(self.spec.config_type())):
            sys.stderr.write(f"{note}\n")
