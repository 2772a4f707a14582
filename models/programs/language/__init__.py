"""The programs of the AST autoencoder: their grammar, and what no context-free grammar can say.

Start at `kinds.py`: what each production stands for. `from_source.py` and `to_source.py` translate
Python; `contexts.py` and `scopes.py` hold the rules as data, which `machine.py` follows for whole
batches. `tests/models/program_rules/` says the rules a second time: tests hold `machine.py` against
it.
"""
