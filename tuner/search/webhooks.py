"""Webhooks are secrets: who knows the URL can write there. So no record and no message has one.

A search file names an environment variable that holds it, as `webhook: $HOOK` or `"${HOOK}"`. A URL
that is written out works too, but the copies of the search have only its host.
"""

import os
import re

from models.errors import Mistake, UserError

HIDDEN = "***"

_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_URL = re.compile(r"(https?)://(?:[^/?#\s]*@)?([^/?#\s@,}\"']*)[^\s,}\"']*")


def check_webhook(webhook: str) -> None:
    """Check the form of a webhook.

    Raises:
        UserError: neither a URL nor the name of a variable.
    """
    if not _REFERENCE.fullmatch(webhook):
        _check_url(webhook, "webhook")


def hidden_urls(text: str) -> str:
    """Return the text with no more of its URLs than scheme and host."""
    return _URL.sub(rf"\1://\2/{HIDDEN}", text)


def hidden_in_command(part: str) -> str:
    """Return a part of a command line without the webhook that a `--set` gives."""
    return hidden_urls(part) if "webhook" in part or "notify" in part else part


def webhook_advice(webhook: str | None) -> list[str]:
    """Return what could be better about how a webhook is given."""
    if webhook is None or _REFERENCE.fullmatch(webhook):
        return []
    return [
        "notify.webhook is written out, so the run's record has it without its secret, and "
        "`tuner resume` tells nobody: put the URL into an environment variable, as $HOOK"
    ]


def webhook_url(webhook: str) -> str:
    """Return the URL itself.

    Raises:
        UserError: its variable is not set or holds no URL, or the URL was hidden.
    """
    if found := _REFERENCE.fullmatch(webhook):
        name = found[1] or found[2]
        url = os.environ.get(name, "")
        if not url:
            rule = f"notify.webhook names the variable {name}, which is not set"
            raise UserError(Mistake(key="notify.webhook", rule=rule, remedy="export it"))
        _check_url(url, f"notify.webhook: the variable {name}")
        return url
    if HIDDEN in webhook:
        raise UserError(
            f"notify.webhook was written out, so the record has no more of it than {webhook}: put "
            "the URL into an environment variable and name that, as $HOOK"
        )
    return webhook


def _check_url(url: str, what: str) -> None:
    if not re.match(r"https?://[^/?#\s]+", url) or re.search(r"\s", url):
        raise UserError(
            f"{what} is no URL: it begins with https:// or http://, or names an environment "
            "variable, as $HOOK"
        )
