"""The data set of programs: generated, filtered, with examples, split, on disk.

Start at `collection.py`; its workers make the programs in `chunks.py`: drawn (`generator.py`),
observed on probes, shortened (`shrinking.py`) and given examples. `dataset.py` is what comes of it,
`writing.py` and `reading.py` are its files.
"""
