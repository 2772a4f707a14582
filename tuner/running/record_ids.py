"""The record's ids of Ray's trials: a trial that a new driver takes over has another one in Ray."""


class RecordIds:
    """Translates; a trial that was never bound has the same id in both."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def bind(self, ray_id: str, record_id: str) -> None:
        """Say which trial of the record one of Ray's trials is."""
        self._ids[ray_id] = record_id

    def of(self, ray_id: str) -> str:
        """Return the record's id of one of Ray's trials."""
        return self._ids.get(ray_id, ray_id)
