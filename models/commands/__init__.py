"""What the commands of all models share: flags, progress, files that are found and written.

Start with `process.py`, which ends every command the same way.
"""
