"""What can be typed: a file a group of commands, each a parser and the call that it makes.

Start with `searching.py`. Nothing heavy is imported before a command runs.
"""
