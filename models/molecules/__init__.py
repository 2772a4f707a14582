"""What keeps decoded SMILES chemically legal: ring bonds, valences and aromatic rings.

Start with `machine.py`; `models.grammar.decoding` runs it beside the grammar's own stack.
"""
