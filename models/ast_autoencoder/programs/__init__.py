"""The data set of programs: generated, filtered, with examples, split, on disk."""
