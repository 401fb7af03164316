"""Whose code changed torch's global settings while several networks take turns."""

from __future__ import annotations

from bench.torch_settings import PUT_BACK, TorchSettings


class SettingsWatch:
    """Keeps torch's settings as they are now, and knows who changed them."""

    def __init__(self) -> None:
        self._before, self._seen = TorchSettings.read(), len(PUT_BACK)
        self._names: tuple[str, ...] = ()
        self._changes: dict[str, dict[str, None]] = {}

    def at_work(self, *names: str) -> None:
        """Name those whose code runs from now on; what has changed since the last call is put back.

        It is the doing of those that were named then.
        """
        self._before.restore()
        changes = PUT_BACK[self._seen :]
        if changes:
            for name in self._names:
                self._changes.setdefault(name, {}).update(dict.fromkeys(changes))
            self._before = TorchSettings.read()  # some cannot be put back
            self._seen = len(PUT_BACK)
        self._names = names

    def reasons(self, name: str) -> list[str]:
        """Return why a measurement is not valid, if so."""
        changes = self._changes.get(name)
        return [f"it changed torch's settings: {', '.join(changes)}"] if changes else []
