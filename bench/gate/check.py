"""The whole check: the baseline, this tree, and the findings of their comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import RefusedInput, UsageError, unknown
from bench.gate.accuracy import Score, compare_scores, known_from_file, known_from_tree, scores, summaries
from bench.gate.baseline import NAME, Baseline, read_baseline
from bench.gate.exactly import compare_methods, unlike
from bench.gate.findings import KINDS, Finding, Report
from bench.gate.fingerprint import TOLERANCE
from bench.gate.golden import conditions
from bench.gate.measuring import KINDS as MEASURED
from bench.gate.measuring import Measured, measurements
from bench.gate.processes import worker
from bench.gate.revision import commit_of, tree_of
from bench.gate.speed import Asked, compare_trees, compare_with_file, measure_ratios
from bench.models import resolve
from bench.results.provenance import package_root
from bench.results.repository import repository_state

Progress = Callable[[str, float], None]
"""Called with the current stage and the share done, 0 to 1."""

_HERE = "this tree"


@dataclass(frozen=True)
class Settings:
    """What to compare, and how strictly.

    Attributes:
        home: The folder of ``results/``.
        kinds: Kinds of comparison, from ``bench.gate.findings.KINDS``.
        names: Methods whose counts and golden outputs are compared; empty means all.
        own: The user's own networks among them, by name, with the references they were given by.
        max_loss: Largest loss of mIoU that passes, as a fraction.
        speed: What is timed, how long, and the allowed slowdown.
    """

    home: Path = Path()
    kinds: tuple[str, ...] = KINDS
    names: tuple[str, ...] = ()
    own: Mapping[str, tuple[str, Method]] = field(default_factory=dict)
    max_loss: float = 0.01
    speed: Asked = field(default_factory=Asked)

    def __post_init__(self) -> None:
        """Refuse unknown kinds and models."""
        for kind in self.kinds:
            if kind not in KINDS:
                raise unknown("kind of comparison", kind, list(KINDS))
        for name in self.speed.models:
            if name not in METHODS and name not in self.speed.own:
                raise unknown("model", name, sorted(METHODS))

    @property
    def measured(self) -> tuple[str, ...]:
        """Those of the kinds that are measured method by method."""
        return tuple(kind for kind in MEASURED if kind in self.kinds)

    @property
    def methods(self) -> dict[str, Method]:
        """The methods of this tree by name."""
        return {**METHODS, **{name: method for name, (_, method) in self.own.items()}}

    @property
    def code(self) -> Path:
        """A folder of the repository that is gated: of the own networks where there are any, else ours."""
        references = [reference for reference, _ in self.own.values()]
        return Path(references[0].rpartition(":")[0]).resolve().parent if references else package_root()

    def scores(self) -> list[Score]:
        """Return the scores on record; where there are own networks, theirs."""
        found = scores(self.home)
        return [one for one in found if one.record.identity.model in self.names] if self.own else found

    def rewrite(self, path: Path) -> str:
        """Return the command that writes a baseline file of the same methods."""
        words = ["carnet-bench check --update"]
        words += [] if path == self.home / NAME else [f"--baseline {path}"]
        given = {name: reference for name, (reference, _) in self.own.items()}
        return " ".join([*words, *(f"--method {given.get(name, name)}" for name in self.names)])


def named(references: Sequence[str]) -> tuple[tuple[str, ...], dict[str, tuple[str, Method]]]:
    """Return the names of methods as they were given, and of those of the user's own, which are run, more.

    Args:
        references: Names of the registry or of a baseline, or ``path/to/file.py:build``.

    Raises:
        UsageError: Two networks of one name.
        RefusedInput: A file that cannot be run.
    """
    names: list[str] = []
    own: dict[str, tuple[str, Method]] = {}
    for reference in dict.fromkeys(references):
        if ".py:" not in reference:
            names.append(reference)
            continue
        method = resolve(reference)
        if method.name in own:
            raise UsageError(
                f"--method {own[method.name][0]} and {reference} are both named {method.name}; rename one"
            )
        own[method.name] = reference, method
        names.append(method.name)
    return tuple(names), own


def check(
    baseline: str,
    settings: Settings,
    progress: Progress = lambda *_: None,
    methods: Mapping[str, Method] | None = None,
) -> Report:
    """Compare this tree with a baseline.

    Args:
        baseline: A file that ``updated`` made, or a git revision of the repository that the code is in;
            ``REV...`` is where this branch left REV. A file of that name beats a revision.
        settings: What, and how strictly.
        progress: See `Progress`.
        methods: Methods of this tree by name; None means the registry's and the user's own.

    Raises:
        UsageError: A method that neither side has; a revision for the user's own networks.
        RefusedInput: No such baseline, a damaged one, damaged records, or a revision whose code does not run
            here.
    """
    path, methods = Path(baseline), settings.methods if methods is None else methods
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # a folder that may not be entered, or a name too long to be one
        raise RefusedInput(f"baseline {baseline[:200]}: cannot read ({error.strerror})") from error
    if is_file:
        return _check_file(path, settings, progress, methods)
    if path.suffix == ".json" or is_folder:
        raise RefusedInput(
            f"baseline {baseline}: {'a folder' if is_folder else 'no such file'}; expected a baseline "
            "file or a git revision",
            then=f"`{settings.rewrite(path)}` writes a baseline",
        )
    if settings.own:
        raise UsageError(
            f"--baseline {baseline}: no such file, and a revision is one of carnet-bench itself; networks of "
            f"your own ({', '.join(settings.own)}) are compared with a baseline file",
            then=f"`{settings.rewrite(Path('baseline.json'))}` writes one",
        )
    return _check_revision(baseline, settings, progress, methods)


def updated(
    settings: Settings, progress: Progress = lambda *_: None, path: Path | None = None
) -> tuple[Baseline, tuple[str, ...]]:
    """Return a baseline of this tree, and why its speed is not of today.

    Speed that is not requested, or not valid, is kept from the existing file.

    Args:
        settings: What is measured; ``names`` limits the methods.
        progress: See `Progress`.
        path: The file that the baseline will replace; None is ``results/baseline.json`` of the home.

    Raises:
        UsageError: No such method.
        RefusedInput: The file has other methods than those named, which would be lost.
    """
    path = settings.home / NAME if path is None else path
    there: Baseline | None = None
    reasons: tuple[str, ...] = ()
    for name in settings.names:
        if name not in settings.methods:
            raise unknown("method", name, sorted(settings.methods))
    with contextlib.suppress(RefusedInput):  # none there, or damaged: this one takes its place
        there = read_baseline(path)
    lost = [name for name in there.methods if name not in settings.names] if there else []
    if lost and settings.names:
        raise RefusedInput(
            f"{path}: has {len(lost)} methods that are not named, first {lost[0]}; they would be lost",
            then="give another file with --baseline FILE.json, or name them too with --method",
        )
    speed = there.speed if there else None
    measured = dict(_measured_here(settings.methods, settings.names, MEASURED, progress))
    commit, dirty = repository_state(settings.code)
    if "speed" in settings.kinds:
        now = measure_ratios((package_root(), _HERE), settings.speed, progress)
        reasons = tuple(
            f"{name}: {'; '.join(one['reasons'])}" for name, one in now["models"].items() if one["reasons"]
        )
        speed = speed if reasons and speed is not None else now
    baseline = Baseline(
        None if commit is None else commit if dirty is False else f"{commit}+",
        conditions(),
        measured,
        summaries(settings.scores()),
        speed,
    )
    return baseline, reasons


def _check_file(path: Path, settings: Settings, progress: Progress, methods: Mapping[str, Method]) -> Report:
    known = read_baseline(path)
    findings = []
    if settings.measured:
        before = _chosen(known.methods, methods, settings.names)
        now = dict(_measured_here(methods, settings.names, settings.measured, progress))
        findings += compare_methods(before, now, settings.measured, (known.conditions, conditions()))
    if "accuracy" in settings.kinds:
        # the records of the tree that the file lies in, HOME/results/baseline.json
        home = path.resolve().parent.parent if path.resolve().parent.name == "results" else settings.home
        scored = known_from_file(known.accuracy, home)
        findings += compare_scores(scored, settings.scores(), settings.max_loss)
    if "speed" in settings.kinds:
        findings += compare_with_file((package_root(), _HERE), known.speed, settings.speed, progress)
    name = path.name.encode(errors="replace").decode()
    return Report(
        name + (f" of {known.commit[:12]}" if known.commit else ""),
        tuple(findings),
        _tolerated(known) if "golden" in settings.kinds else "",
        settings.rewrite(path),
    )


def _tolerated(known: Baseline) -> str:
    """Return why golden outputs need not be bit-identical, in words; empty where they must be."""
    other = unlike(known.conditions, conditions())
    return other and f"{other}; they may differ by {TOLERANCE:g} of the largest logit"


def _check_revision(
    revision: str, settings: Settings, progress: Progress, methods: Mapping[str, Method]
) -> Report:
    here = package_root()
    commit = commit_of(here, revision)
    title = f"{revision} ({commit[:12]})"
    findings: list[Finding] = []
    with tree_of(here, commit) as tree:
        if settings.measured:
            before = dict(_measured_there(tree, title, settings, progress))
            before = _chosen(before, methods, settings.names)
            now = dict(_measured_here(methods, settings.names, settings.measured, progress))
            # one machine, one torch, one moment: golden outputs must be bit-identical
            findings += compare_methods(before, now, settings.measured, ({}, {}))
        if "accuracy" in settings.kinds:
            findings += compare_scores(known_from_tree(tree), scores(settings.home), settings.max_loss)
        if "speed" in settings.kinds:
            findings += compare_trees((tree, title), (here, _HERE), settings.speed, progress)
    return Report(title, tuple(findings))


def _chosen(
    before: Mapping[str, Measured], methods: Mapping[str, Method], names: Iterable[str]
) -> dict[str, Measured]:
    wanted = list(names)
    for name in wanted:
        if name not in before and name not in methods:
            raise unknown("method", name, sorted({*before, *methods}))
    return {name: measured for name, measured in before.items() if not wanted or name in wanted}


def _measured_here(
    methods: Mapping[str, Method], wanted: Sequence[str], kinds: Iterable[str], progress: Progress
) -> Iterator[tuple[str, Measured]]:
    names = [name for name in methods if not wanted or name in wanted]
    for number, pair in enumerate(measurements(methods, names, kinds), start=1):
        progress("methods, here", number / len(names))
        yield pair


def _measured_there(
    tree: Path, title: str, settings: Settings, progress: Progress
) -> Iterator[tuple[str, Measured]]:
    with worker(tree, title, ["measure", *settings.measured, "--", *settings.names]) as there:
        names = there.answer()["methods"]
        for number, answer in enumerate(there.answers(), start=1):
            progress("methods, baseline", number / len(names))
            yield answer.pop("name"), answer
