"""The settings that Ray hands to a trial: what the searcher writes and the trial reads."""

NUMBER = "number"
"""Key of the trial's number in the study."""
PARAMS = "params"
"""Key of the values drawn for the trial, as the model's settings take them."""
CHECKPOINTS = "checkpoints"
"""Key of the checkpoint files of a trial that a driver before began, the latest first."""
