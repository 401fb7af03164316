"""Final weights for others: next to the records, named after them, with their digest and terms."""

from __future__ import annotations

from pathlib import Path

from bench.data.catalogue import known
from bench.errors import RefusedInput
from bench.files import sha256_of_file, write_atomic, write_new
from bench.results.store import read_records
from bench.train.weight_file import describe_weights

_HEAD = """# results/weights: final weights of published runs

Written by `carnet-bench publish RUN`; safetensors, float32, without optimiser state. A file is named after
its model and the training record that made it, and says inside which recipe, data and input statistics it is
of. `carnet-bench evaluate FILE` re-scores one.

"""


def publish(run: Path, home: Path) -> Path:
    """Copy a run's final weights to ``HOME/results/weights`` and list them in its README.

    Raises:
        RefusedInput: The run is not finished, or no valid training record has these weights.
    """
    source = run / "final.safetensors"
    digest = sha256_of_file(source) if source.is_file() else None
    if digest is None:
        raise RefusedInput(
            f"{source}: no such file", then="finish the run: the same train command resumes it"
        )
    known = [
        one
        for one in read_records(home, "training", strict=False)
        if one.values.final_weights_sha256 == digest
    ]
    record = next((one for one in known if one.valid), None)
    if record is None:
        raise RefusedInput(f"{source}: no valid training record in {home} has SHA-256 {digest}")
    folder = home / "results" / "weights"
    path = folder / f"{record.identity.model}-{record.id[:12]}.safetensors"
    if not path.is_file():
        write_new(path, source.read_bytes())
    write_atomic(folder / "README.md", readme(folder))
    return path


def readme(folder: Path) -> str:
    """Return the page that lists a folder's weights, made from the files alone."""
    lines = []
    for path in sorted(folder.glob("*.safetensors")):
        description = describe_weights(path)
        identity = description.whole_identity(path)
        recipe, data = identity.recipe, identity.data
        of = known(data.name)
        lines += [
            f"## {path.name}",
            "",
            f"* SHA-256 `{sha256_of_file(path)}`, {path.stat().st_size / 1e6:.1f} MB",
            f"* {identity.model}, {identity.num_classes} classes, recipe `{recipe.name}`, seed "
            f"{recipe.seed}, {recipe.epochs} epochs of {data.name} ({data.split} split)",
            *(f"* {note}" for note in description.notes),
            f"* terms of the data: {of.terms if of else 'not known here, data of the publisher'}",
            "",
        ]
    return _HEAD + "\n".join(lines)
