"""What is said of mistakes that libraries find in files of settings, in the project's words.

`yaml_text.py` for text that is no YAML, `values.py` for values that a key does not take.
"""
