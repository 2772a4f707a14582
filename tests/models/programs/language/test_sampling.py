import torch
from program_rules.sampling import random_programs

from models.programs.language.kinds import TYPES, language
from models.programs.language.machine import ConstraintMachine


def test_a_seed_gives_the_same_programs():
    machine = ConstraintMachine("cpu", 40)
    first, second = (
        random_programs(machine, 8, torch.Generator().manual_seed(seed)) for seed in (3, 3)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, random_programs(machine, 8, torch.Generator().manual_seed(4)))


def test_logits_weigh_what_is_allowed():
    machine = ConstraintMachine("cpu", 30)
    logits = torch.zeros(30, machine.num_productions)
    logits[0, language().id_of("program_str")] = 50.0
    logits[:, language().id_of("return_str")] = 50.0
    ids = random_programs(machine, 16, torch.Generator().manual_seed(0), logits.expand(16, -1, -1))
    assert (ids[:, 0] == language().id_of("program_str")).all()
    assert (ids == language().id_of("return_str")).any(dim=1).all()


def test_probabilities_are_those_of_the_softmax():
    machine = ConstraintMachine("cpu", 4)
    logits = torch.zeros(machine.num_productions)
    logits[language().id_of("program_bool")] = 2.0
    ids = random_programs(machine, 4000, torch.Generator().manual_seed(0), logits)
    share = (ids[:, 0] == language().id_of("program_bool")).float().mean()
    assert abs(share - torch.tensor([2.0, *[0] * (len(TYPES) - 1)]).softmax(dim=0)[0]) < 0.03
