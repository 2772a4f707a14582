"""The program language, the interpreter for it and its data sets; nothing here knows of a network.

Start with `language/kinds.py`, then `execution/interpreter.py` and `data/dataset.py`.
"""
