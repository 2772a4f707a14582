"""The Grammar-VAE network (Kusner et al. 2017) and how settings become one."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.network.decoder import Decoder
from models.grammar_vae.network.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """A diagonal Gaussian over latents: `mean` and `log_variance`, each (batch, z_dim)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return latents (batch, z_dim) for standard normal `noise` of the same shape."""
        return self.mean + noise * torch.exp(0.5 * self.log_variance)


class GrammarVae(nn.Module):
    """Encoder and decoder over production ids; the grammar itself is applied by the loss."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, ids: Tensor) -> Posterior:
        """Return the posterior of ids (batch, time), padded with -1."""
        mean, log_variance = self.encoder(ids)
        return Posterior(mean=mean, log_variance=log_variance)

    def decode(self, z: Tensor, num_steps: int) -> Tensor:
        """Return float32 logits (batch, num_steps, productions) of latents (batch, z_dim)."""
        return self.decoder(z, num_steps).float()

    @property
    def z_dim(self) -> int:
        """Latent dimensions."""
        return self.encoder.posterior.out_features // 2

    @property
    def num_parameters(self) -> int:
        """How many numbers training adjusts."""
        return sum(parameter.numel() for parameter in self.parameters())


def encoder_channels(config: GrammarVaeConfig) -> list[int]:
    """Return the channels of each layer: hidden/2, hidden, 2*hidden... or hidden throughout."""
    hidden = config.encoder_hidden
    if config.encoder_style == "plain":
        return [hidden] * config.encoder_conv_layers
    widths = [max(1, hidden // 2), hidden] + [2 * hidden] * config.encoder_conv_layers
    return widths[: config.encoder_conv_layers]


def build_network(config: GrammarVaeConfig, *, num_ids: int, num_steps: int) -> GrammarVae:
    """Build the network of a setting.

    Args:
        config: the setting.
        num_ids: productions of the grammar.
        num_steps: longest row of the data.
    """
    encoder = Encoder(
        num_ids=num_ids,
        num_steps=num_steps,
        z_dim=config.z_dim,
        channels=encoder_channels(config),
        kernels=config.kernels,
        residual=config.encoder_style == "residual",
        pool=config.encoder_pool,
    )
    decoder = Decoder(
        num_ids=num_ids,
        num_steps=num_steps,
        z_dim=config.z_dim,
        hidden=config.decoder_hidden,
        layers=config.decoder_layers,
        dropout=config.decoder_dropout,
        latent=config.decoder_input,
        position=config.decoder_position,
    )
    return GrammarVae(encoder, decoder)
