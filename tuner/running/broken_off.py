"""What is said of a search that broke off, where a user can do something about it."""

from models.errors import UserError
from tuner.record.paths import RunPaths
from tuner.running.study_patience import database_lost_words, is_database_lost
from tuner.running.trial_failure import is_unwritable, unwritable_words


def words_for_user(paths: RunPaths, error: Exception) -> str | None:
    """Return what happened, and how to go on; None where it speaks for itself, or is our bug."""
    if isinstance(error, UserError):
        return None
    if is_unwritable(error):
        return unwritable_words(paths, error)
    return database_lost_words(paths) if is_database_lost(error) else None
