"""Weights of places that encoder and decoder share."""

import torch

from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.places import Places


def test_what_is_written_for_a_place_is_read_back_of_it_before_training():
    torch.manual_seed(0)
    places = Places(num_places=20, place_dim=4, latent_dim=256)
    written = torch.randn(64, 20, 4)
    read = places.read(places.write(written), 20)
    own = torch.cosine_similarity(read.flatten(), written.flatten(), dim=0)
    other = torch.cosine_similarity(read.roll(1, dims=1).flatten(), written.flatten(), dim=0)
    assert own > 0.8
    assert abs(other) < 0.1


def test_encoder_and_decoder_have_the_same_weights(small):
    network = build_network(small())
    assert network.encoder.places is network.decoder.inputs.places
    names = [name for name, _ in network.named_parameters() if "places" in name]
    assert names == ["encoder.places.weight", "encoder.places.bias"]


def test_programs_shorter_than_the_budget_use_the_first_places():
    torch.manual_seed(0)
    places = Places(num_places=20, place_dim=4, latent_dim=8)
    latent = torch.randn(3, 8)
    torch.testing.assert_close(places.read(latent, 5), places.read(latent, 20)[:, :5])
