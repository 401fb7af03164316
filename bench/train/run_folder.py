"""A run's folder: what it is of, whether the run is finished, and how a new run differs from the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput
from bench.files import sha256_of_file, write_atomic
from bench.results.record import TrainingRecord, record_id
from bench.train.journals import Journals, open_journal, rows_of
from bench.train.lock import is_held
from bench.train.loop import Trainer
from bench.train.trained import FINAL

Log = Callable[[str], None]


def describe(folder: Path, identity: Mapping[str, Any], log: Log) -> None:
    """Write what defines a run into its folder when it is new; then say from which unfinished run it differs.

    Raises:
        RefusedInput: The folder is of another run.
    """
    text = json.dumps(identity, indent=2, sort_keys=True, allow_nan=False) + "\n"
    path = folder / "run.json"
    if not path.is_file():
        if (difference := _nearest_unfinished(folder, json.loads(text))) is not None:
            log(f"starting anew: {difference}")
        write_atomic(path, text)
    elif path.read_bytes() != text.encode():
        raise RefusedInput(f"{path}: describes another run", then=f"remove {folder} to restart")


def journal_of(trainer: Trainer, folder: Path, identity: Mapping[str, Any], names: Sequence[str]) -> Journals:
    """Return the journals of a run, with the rows of the trainer's state."""
    rows = rows_of(trainer.state, trainer.recipe, trainer.epoch_steps)
    return open_journal(folder, identity, record_id(identity), names, rows)


def finished(
    takes: Sequence[TrainingRecord], folder: Path, trainer: Trainer, log: Log
) -> TrainingRecord | None:
    """Return the record of a run whose final weights are whole; of any other say what is done with it.

    Args:
        takes: The run's training records.
        folder: Its folder.
        trainer: Trainer in the state of its last checkpoint.
        log: Called with one line.

    Raises:
        RefusedInput: The code has changed since, and no checkpoint was left to find that out.
    """
    path, step = folder / FINAL, trainer.state.step
    found = sha256_of_file(path) if path.is_file() else None
    done = {one.values.final_weights_sha256: one for one in takes if one.values.final_weights_sha256}
    if found in done:
        if step == 0:
            _require_current(done[found], trainer, path)
        return done[found]
    if done and found is not None:
        log(f"{path}: SHA-256 {found}, its training record says {', '.join(map(str, done))}; rebuilding it")
    if step:
        log(f"resuming {folder} at step {step} of {trainer.recipe.epochs * trainer.epoch_steps}")
    elif done:
        log(f"{folder}: neither whole weights nor checkpoints of this finished run; training it again")
    return None


def _require_current(record: TrainingRecord, trainer: Trainer, path: Path) -> None:
    made, now = record.provenance.source, trainer.saved.parts[-1].get("source")
    if made is not None and now is not None and made != now:
        changed = ", ".join(name for name in sorted({*made, *now}) if made.get(name) != now.get(name))
        raise RefusedInput(
            f"{path}: made by other code; changed since: {changed}",
            then=f"restore that code, or remove {path.parent} to train anew",
        )


def same_start(folder: Path, identity: Mapping[str, Any], log: Log) -> tuple[str, ...]:
    """Return a remark where another seed of this recipe began with the same weights, and log it."""
    recipe = {**identity["recipe"], "seed": None}
    for _, other in _runs_of(folder):
        seed = other["recipe"].get("seed")
        if (
            seed != identity["recipe"]["seed"]
            and {**other["recipe"], "seed": None} == recipe
            and other.get("initial_weights_sha256") == identity["initial_weights_sha256"]
        ):
            remark = f"initial weights equal those of seed {seed}: the builder does not follow the seed"
            log(remark)
            return (remark,)
    return ()


def _runs_of(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folders and identities of the runs of the same recipe's name, those unreadable left out."""
    for path in sorted(folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*/run.json")):
        try:
            other = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # only that run itself needs it, and says so
        if isinstance(other, dict) and isinstance(other.get("recipe"), dict):
            yield path.parent, other


def _nearest_unfinished(folder: Path, identity: Mapping[str, Any]) -> str | None:
    """Return the run of this recipe that was left and differs least from a new one, with what differs."""
    found = []
    for place, other in _runs_of(folder):
        same_name = other["recipe"].get("name") == identity["recipe"]["name"]
        unfinished = not (place / FINAL).is_file() and (place / "checkpoints").is_dir()
        if same_name and unfinished and not is_held(place):  # another run of a grid may be at work beside it
            differences = _differences(other, identity)
            found.append((len(differences), place, differences))
    if not found:
        return None
    _, nearest, differences = min(found)
    return f"{nearest} is unfinished and another run: {'; '.join(differences)}"


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return ``key A, now B`` for each value, at any depth, that differs."""
    lines = []
    for key in sorted({*before, *now}):
        one, other = before.get(key), now.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            lines += _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            lines.append(f"{prefix}{key} {_shown(one)}, now {_shown(other)}")
    return lines


def _shown(value: Any) -> str:
    return value[:12] if isinstance(value, str) else json.dumps(value)
