"""What each command of `tuner` does and prints, a file a command; `cli.py` reads the flags."""
