"""How every training command works: flags over a preset or a run, data, a folder, then training.

What differs between the models, each gives as a `TrainCommand`.
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import tyro

from models.commands.flags import build_flags, read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.effects import idle_notes, refuse_idle_flags
from models.errors import UserError
from models.presets import find_preset
from models.training.contracts import ModelSpec
from models.training.devices import device_of_gpus
from models.training.folders import new_run_folder, read_settings, run_folder_of
from models.training.layout import LAST, RunFolder
from models.training.run_start import Start, log_to_go_on_with, read_start
from models.training.sinks import LogSettings

if TYPE_CHECKING:
    from models.training.run import ModelRun


@dataclass(frozen=True, kw_only=True)
class StartFlags:
    """The flags that every training command has, beside `model` with the settings."""

    config: str | None = None
    """Preset to start from: built in, or found in ./presets; default: the values below."""
    resume: Path | None = None
    """Checkpoint to go on from, or a run's folder for its latest, with its settings and data."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""
    log: tyro.conf.OmitArgPrefixes[LogSettings] = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """The training command of a model.

    Attributes:
        spec: the model.
        flags_type: dataclass of all flags, a child of `StartFlags` with `model`; each has a
            default.
        about: what `--help` says first.
        blocks: fields of the flags that hold settings to check besides `log` and `model`.
        resumed: `(settings, where)`, flags that a run that goes on has by default, besides `log`
            and `model`: from what its folder says in the file `where`.
        data: `(flags)`, which data to load; raises UserError where none are given, or where flags
            are wrong in what only this model knows.
        device: `(flags)`, the torch device; without it a GPU where there is one.
        kept_data: `(flags, data)`, what the folder keeps of the data, for `resumed`.
        kept: `(flags, device)`, what it keeps besides data, `model` and `log`, so that the run can
            be repeated.
        model_run: `(flags)`, what the model adds to the run; None: see `plain_run`.
        new_folder: `(flags)`, makes the folder of a new run.
        folder_of: finds the folder by a checkpoint or by itself.
        read_folder: returns the settings that it keeps.
        shown: `(data set, settings, device)`, what W&B shows as the run's configuration.
    """

    spec: ModelSpec
    flags_type: type[Any]
    about: str | None
    blocks: tuple[str, ...] = ()
    resumed: Callable[[Mapping[str, Any], str], Mapping[str, Any]]
    data: Callable[[Any], Any]
    device: Callable[[Any], str] = lambda flags: device_of_gpus(None)
    kept_data: Callable[[Any, Any], dict[str, Any]] = lambda flags, data: to_mapping(data)
    kept: Callable[[Any, str], Mapping[str, Any]] = lambda flags, device: {}
    model_run: Callable[[Any], "ModelRun"] | None = None
    new_folder: Callable[[Any], RunFolder] = lambda flags: new_run_folder(
        flags.artifacts_dir, None, flags.config or "custom"
    )
    folder_of: Callable[[Path], RunFolder] = run_folder_of
    read_folder: Callable[[Any], Mapping[str, Any]] = read_settings
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
        from models.training.run import TrainingRun, plain_run

        device = self.device(flags)  # before a folder is made
        settings = {
            "data": self.kept_data(flags, data),
            "model": to_mapping(flags.model),
            "log": to_mapping(flags.log),
            **self.kept(flags, device),
        }
        resume = flags.resume
        folder = self.new_folder(flags) if resume is None else self.folder_of(resume)

        def write_settings() -> None:
            folder.write_settings(settings, self._header(folder))

        if resume is None:
            write_settings()
        run = TrainingRun(
            model=plain_run(self.spec) if self.model_run is None else self.model_run(flags),
            config=flags.model,
            dataset=dataset,
            log=flags.log,
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
        for block in self._blocks:
            given.check_block(getattr(defaults, block))
        words = given.arguments_beside(defaults)
        flags = build_flags(
            self.flags_type, words, self.spec.train_command, self.about, default=defaults
        )
        blocks = {name: getattr(flags, name) for name in self._blocks}
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
            settings, where = self.read_folder(folder), str(folder.settings)
            new_run = self.flags_type().log
            return self.flags_type(
                log=log_to_go_on_with(start, settings.get("log"), new_run, where),
                model=to_config(self.spec.config_type, settings["model"], where),
                **self.resumed(settings, where),
            )
        preset = find_preset(self.spec, start.config).config if start.config else None
        return self.flags_type(model=preset or self.spec.config_type())

    @property
    def _blocks(self) -> tuple[str, ...]:
        """Fields of the flags that hold settings to check."""
        return "log", "model", *self.blocks

    def _header(self, folder: RunFolder) -> str:
        """Return what stands above the settings in a run's folder."""
        last = folder.checkpoints / LAST
        return (
            f"A training run of {self.spec.name}; go on with:\n"
            f"{self.spec.train_command} --resume {last}"
        )

    def _check_effects(self, arguments: Sequence[str], config: Any) -> None:
        """Refuse flags without effect, and say which keys of a preset have none."""
        settings, applies = to_mapping(config), self.spec.applies
        given = read_flags(self.flags_type, arguments, self.spec.train_command).values
        refuse_idle_flags(applies, settings, given)
        for note in idle_notes(applies, settings, to_mapping(self.spec.config_type())):
            sys.stderr.write(f"{note}\n")
