"""PDEs as people write them, read into the form that the grammar `pde` has.

Start with `rewriting.py`; `reading.py` knows the notations, `operators.py` the algebra.
"""
