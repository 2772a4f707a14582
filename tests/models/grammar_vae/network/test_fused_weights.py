import torch

from models.grammar_vae.network.fused_weights import network_weights
from models.grammar_vae.network.network import build_network


def test_products_get_copies_and_kernels_the_weights_themselves(tiny) -> None:
    config = tiny(encoder_hidden=8, encoder_conv_layers=2, decoder_position=True)
    weights = network_weights(build_network(config, num_ids=7, num_steps=9))
    copied = {name for name, weight in weights.items() if weight.copy is not None}
    assert {"encoder.posterior.weight", "encoder.posterior.bias", "decoder.head.weight"} < copied
    assert {name for name in weights if "weight_ih" in name} < copied
    kept = {"decoder.step_input", "encoder.blocks.0.norm.weight", "encoder.blocks.1.conv.conv.bias"}
    assert kept <= weights.keys() - copied
    assert not {name for name in weights if "weight_hh" in name or "gru.bias" in name} & copied
    swapped = [name for name, weight in weights.items() if weight.is_swapped]
    assert swapped == ["encoder.blocks.1.conv.conv.weight"]
    for weight in weights.values():
        if weight.copy is not None:
            assert torch.equal(weight.copy, weight.parameter.detach().to(torch.bfloat16))


def test_what_no_kernel_takes_keeps_its_weights(tiny) -> None:
    wide = tiny(encoder_hidden=8, decoder_hidden=520)
    weights = network_weights(build_network(wide, num_ids=7, num_steps=9))
    assert all(weights[name].copy is None for name in weights if name.startswith("decoder.gru."))
