"""Which weights of the network products take in bfloat16, and how their copies lie in memory."""

import torch

from models.grammar_vae.network.fused_encoder import MAX_CHANNELS
from models.grammar_vae.network.network import GrammarVae
from models.layers.gru_layer import MAX_HIDDEN
from models.optimization.fused_adam import Weight


def network_weights(network: GrammarVae) -> dict[str, Weight]:
    """Return each parameter by its name, with a copy where matrix products take it as it is."""
    weights = {}
    for name, parameter in network.named_parameters():
        copy = None
        if _is_multiplied(name, network):
            copy = parameter.detach().to(torch.bfloat16)
            if name.endswith("conv.conv.weight"):  # `fused_blocks` take it as (out, kernel, in)
                copy = copy.mT.contiguous().mT
        weights[name] = Weight(parameter=parameter, copy=copy)
    return weights


def _is_multiplied(name: str, network: GrammarVae) -> bool:
    """Tell whether kernels leave a weight to a product in bfloat16, and convert it for that."""
    if name.startswith("encoder.blocks."):
        fits = network.encoder.widest <= MAX_CHANNELS
        return fits and name.endswith(("conv.weight", "shortcut.weight"))
    if name.startswith("decoder.gru."):
        return network.decoder.gru.hidden <= MAX_HIDDEN and ".weight_ih_l" in name
    return not name.startswith("decoder.step_")
