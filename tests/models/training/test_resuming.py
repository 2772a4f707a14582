"""Which checkpoint a run goes on from, and whether it fits."""

from types import SimpleNamespace

import pytest

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.config_file import to_mapping
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.training.checkpoints import write_checkpoint
from models.training.layout import ArtifactFolder, RunFolder
from models.training.resuming import (
    Resumed,
    checkpoint_to_resume,
    furthest_checkpoint,
    read_resumed,
)

CONFIG = GrammarVaeConfig(z_dim=4, encoder_kernel=3)
DATA = SimpleNamespace(name="pde", digest="0123456789")


@pytest.fixture
def save():
    """Write a checkpoint of an epoch; `loss` tells one training from another."""

    def write(path, epoch, loss=1.0, **changes):
        payload = {
            "data": {"name": "other name", "digest": DATA.digest},
            "config": to_mapping(CONFIG),
            "epoch": epoch,
            "metrics": {"val/loss": loss},
            "task": {"num_updates": 10 * epoch},
            "progress": {"best": 0.5, "stale_epochs": 2},
        }
        write_checkpoint(path, {k: v for k, v in {**payload, **changes}.items() if v is not None})
        return path

    return write


@pytest.fixture(params=[RunFolder, ArtifactFolder])
def folder(request, tmp_path):
    """A run's folder of either model with the metrics of epochs 1 to 7."""
    made = request.param(path=tmp_path)
    made.settings.write_text("{}")
    for epoch in range(1, 8):
        made.append_metrics(epoch, {"val/loss": 1.0})
    return made


FILES = {
    RunFolder: {7: "last.ckpt", 3: "best-loss-3-1.0000.ckpt", 4: "best-seq_acc-4-0.2500.ckpt"},
    ArtifactFolder: {7: "final_model.pt", 5: "checkpoint_epoch_5.pt", 3: "best_model.pt"},
}


def test_the_furthest_checkpoint_is_taken(folder, save):
    files = FILES[type(folder)]
    for epoch, name in files.items():
        save(folder.checkpoints / name, epoch)
    for epoch in sorted(files, reverse=True):
        path = folder.checkpoints / files[epoch]
        assert furthest_checkpoint(folder) == checkpoint_to_resume(folder, folder.path) == path
        path.unlink()
    with pytest.raises(UserError, match="holds no checkpoint to go on from: train anew"):
        furthest_checkpoint(folder)


def test_a_file_is_taken_as_it_is(folder, tmp_path):
    assert checkpoint_to_resume(folder, tmp_path / "x.ckpt") == tmp_path / "x.ckpt"


def test_later_checkpoints_of_what_came_before_do_not_count(folder, save):
    """A run that went on from epoch 3 may hold files of epochs that it has not come to again."""
    names = list(FILES[type(folder)].values())
    save(folder.checkpoints / names[0], 9)
    save(folder.checkpoints / names[1], 3 if type(folder) is RunFolder else 5, loss=0.25)
    right = save(folder.checkpoints / names[2], 4 if type(folder) is RunFolder else 3)
    assert furthest_checkpoint(folder) == right
    right.unlink()
    with pytest.raises(
        UserError, match=r"none of its checkpoints is of the run that metrics\.json"
    ):
        furthest_checkpoint(folder)
    folder.metrics.unlink()
    assert furthest_checkpoint(folder) == folder.checkpoints / names[0]


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(UserError, match=r"not the folder of a run, since it holds no run\.yaml"):
        furthest_checkpoint(RunFolder(path=tmp_path))


def test_a_checkpoint_that_fits_says_where_it_stands(tmp_path, save):
    path = save(tmp_path / "a.ckpt", 3)
    expected = Resumed(
        checkpoint=path,
        epoch=3,
        num_updates=30,
        best=0.5,
        stale_epochs=2,
        metrics={"val/loss": 1.0},
    )
    assert read_resumed(path, CONFIG, DATA, "") == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"z_dim": 5},
            "z_dim is 4 there and 5 here: leave out --z_dim to go on, or train anew without",
        ),
        (
            {"z_dim": 5, "decoder_hidden": 8, "lr": 0.5},
            "z_dim is 4 there and 5 here, decoder_hidden is 384 there and 8 here: "
            "leave out --z_dim and --decoder_hidden to go on",
        ),
        (
            {"encoder_kernel": (3, 3, 5)},
            r"encoder_kernel is \[3, 3, 3\] there and \[3, 3, 5\] here: leave out --encoder_kernel",
        ),
    ],
)
def test_another_architecture_is_told_by_its_keys(tmp_path, save, config, message):
    path = save(tmp_path / "a.ckpt", 3)
    config = GrammarVaeConfig(**{"z_dim": 4, "encoder_kernel": 3, **config})
    with pytest.raises(UserError, match=rf"another architecture: {message}") as caught:
        read_resumed(path, config, DATA, "")
    assert len(str(caught.value).splitlines()) == 1


def test_the_same_kernels_in_another_form_fit(tmp_path, save):
    path = save(tmp_path / "a.ckpt", 3)
    config = GrammarVaeConfig(z_dim=4, encoder_kernel=(3, 3, 3), lr=0.5, batch_size=8)
    assert read_resumed(path, config, DATA, "").epoch == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data": {"name": "a", "digest": "99"}},
            r"\(a, digest 99\) than given here \(pde, digest",
        ),
        ({"data": None}, r"\(unknown\) than given here \(pde, digest 01234567\): do this"),
        ({"progress": None}, "not a checkpoint that training goes on from .it has no 'progress'"),
        ({"task": {}}, "it has no 'num_updates'"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, save, changes, message):
    path = save(tmp_path / "a.ckpt", 3, **changes)
    with pytest.raises(UserError, match=message):
        read_resumed(path, CONFIG, DATA, "do this")


@pytest.mark.parametrize("config_type", [GrammarVaeConfig, AstAutoencoderConfig])
def test_the_architecture_is_what_the_network_is_built_by(config_type, monkeypatch):
    """Keys that only change what training does to the same weights are left out."""
    read = set()

    class Recorder(config_type):
        def __getattribute__(self, name):
            if name in config_type.__dataclass_fields__:
                read.add(name)
            return super().__getattribute__(name)

    if config_type is GrammarVaeConfig:
        from models.grammar_vae.network.network import build_network

        config = Recorder(z_dim=4, encoder_hidden=8, decoder_hidden=8)
        read.clear()
        build_network(config, num_ids=5, num_steps=6)
    else:
        from models.ast_autoencoder.network.network import build_network

        config = Recorder(hidden_dim=16, latent_dim=8)
        read.clear()
        build_network(config)
    random = {"decoder_dropout", "dropout", "latent_noise"}
    built_by = set(read)
    assert set(config.architecture) == built_by - random
