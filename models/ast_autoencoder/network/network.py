"""The AST autoencoder and how settings become one."""

import torch
from torch import Tensor, nn

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.network.batches import NodeBatch
from models.ast_autoencoder.network.decoder import GruDecoder
from models.ast_autoencoder.network.encoder import Encoder, on_sphere
from models.ast_autoencoder.network.head import Head
from models.ast_autoencoder.network.inputs import StepInputs
from models.ast_autoencoder.network.places import Places
from models.ast_autoencoder.network.transformer import TransformerDecoder


class AstAutoencoder(nn.Module):
    """Graphs of programs to latents, latents to scores of productions.

    Args:
        encoder: graphs to latents.
        decoder: latents and steps to features.
        head: features to scores.
        latent_noise: spread of the noise added to the latent in training.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: GruDecoder | TransformerDecoder,
        head: Head,
        latent_noise: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.latent_noise = latent_noise

    def encode(self, nodes: NodeBatch) -> Tensor:
        """Return latents, float32 (batch, latent_dim), on a sphere; noisy in training."""
        latent = self.encoder(nodes)
        if self.training and self.latent_noise > 0:
            latent = on_sphere(latent + self.latent_noise * torch.randn_like(latent))
        return latent

    @property
    def latent_dim(self) -> int:
        """Size of the latent."""
        return self.encoder.places.latent_dim

    @property
    def num_places(self) -> int:
        """Nodes and steps of a program at most."""
        return self.encoder.places.num_places

    @property
    def num_parameters(self) -> int:
        """How many numbers training adjusts."""
        return sum(parameter.numel() for parameter in self.parameters())


def build_network(config: AstAutoencoderConfig) -> AstAutoencoder:
    """Build the network of a setting."""
    hidden = config.hidden_dim
    places = Places(
        num_places=config.max_decode_steps,
        place_dim=config.place_dim,
        latent_dim=config.latent_dim,
    )
    encoder = Encoder(
        hidden=hidden,
        layers=config.encoder_layers,
        kind=config.encoder_kind,
        places=places,
        dropout=config.dropout,
    )
    inputs = StepInputs(hidden=hidden, places=places)
    decoder: GruDecoder | TransformerDecoder
    if config.decoder_kind == "gru":
        decoder = GruDecoder(
            inputs=inputs,
            hidden=hidden,
            layers=config.decoder_layers,
            latent_dim=config.latent_dim,
            dropout=config.dropout,
        )
    else:
        decoder = TransformerDecoder(
            inputs=inputs,
            hidden=hidden,
            layers=config.decoder_layers,
            latent_dim=config.latent_dim,
            num_steps=config.max_decode_steps,
            dropout=config.dropout,
        )
    return AstAutoencoder(
        encoder=encoder, decoder=decoder, head=Head(hidden), latent_noise=config.latent_noise
    )
