"""What SCLoss learns and what it does to the score, in sentences made from the records alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench.report.budget_rows import Budget
from bench.report.scloss_budgets import SclossBudget
from bench.report.scloss_forms import ScoredForm
from bench.report.scloss_rows import LITTLE

_EVERYTHING = 0.9
"""Predicted presence of absent classes above which a network calls every class present."""


def scloss_reading(
    learnt: Sequence[SclossBudget], networks: Sequence[Budget], forms: Sequence[ScoredForm]
) -> list[str]:
    """Return the sentences, those on what is learnt first.

    Args:
        learnt: The probes by form and budget, fewest epochs first.
        networks: Table 5's networks by budget, fewest epochs first: BS, with CARModule, with SCLoss, all.
        forms: The full network at the budget of Table 5, by form of SCLoss, as printed first.
    """
    as_printed = forms[0].label
    printed = [one for one in learnt if one.form == as_printed]
    longest = {one.form: one for one in learnt if one.form != as_printed}
    return [
        *(_learnt(printed[0], printed[-1]) if printed else ()),
        *(sentence for one in longest.values() for sentence in _learnt_instead(one)),
        *_gains(networks),
        *_forms(forms),
    ]


def _learnt(first: SclossBudget, last: SclossBudget) -> Iterator[str]:
    if last.absent is not None and last.present is not None and last.absent > _EVERYTHING:
        yield (
            f"After {last.epochs} epochs the modules call every class present: those in the crop with "
            f"{last.present:.2f}, the others with {last.absent:.2f}. So Eq. 5 does not teach them which "
            "classes an image has."
        )
    if first.settled is None and first.share is not None and last.settled is not None:
        yield (
            "Until that is learnt SCLoss takes a good part of each step, whose gradient is clipped to one "
            f"length: with {first.epochs} epochs still {first.share:.2f} at the end, with {last.epochs} "
            f"epochs less than {LITTLE:.2f} from epoch {last.settled} on. The pixels' loss has the rest."
        )


def _learnt_instead(last: SclossBudget) -> Iterator[str]:
    if last.absent is None or last.present is None or last.share is None:
        return
    told = "tell" if last.absent < 0.5 < last.present else "do not tell"
    takes = f"SCLoss still takes {last.share:.2f} of the gradient's length"
    if last.settled is not None:
        takes = f"SCLoss takes less than {LITTLE:.2f} of the gradient's length from epoch {last.settled} on"
    yield (
        f"{last.form.capitalize()}, after {last.epochs} epochs, the modules {told} the classes in the crop "
        f"({last.present:.2f}) from the others ({last.absent:.2f}), and {takes}."
    )


def _gains(networks: Sequence[Budget]) -> Iterator[str]:
    gains = []
    for one in networks:
        before, after = one.means[1:3]
        if before is not None and after is not None:
            of = _seeds(min(len(seeds) for seeds in one.scores[1:3]))
            gains.append(f"{after - before:+.1f} points with {one.epochs} epochs ({of})")
    if gains:
        yield (
            f"SCLoss's gain in Table 5's networks: {', '.join(gains)}. That a lost share of the steps is why "
            "is likely, but the probes measure gradients and not scores."
        )


def _forms(forms: Sequence[ScoredForm]) -> Iterator[str]:
    yield (
        "The full network at the budget of the table above, by form of SCLoss; in brackets how many points "
        f"it differs by from Eq. 5 as printed, with a 95 % interval: {'; '.join(map(_form, forms))}."
    )


def _form(form: ScoredForm) -> str:
    if not form.scores:
        return f"{form.label} not run"
    scored = f"{form.label} {statistics.fmean(form.scores):.1f} %, {_seeds(len(form.scores))}"
    if form.change is None:
        return scored
    mean, low, high = (
        f"{100 * value:+.2f}" for value in (form.change.mean, form.change.low, form.change.high)
    )
    told = "" if form.change.sign else ", not distinguishable"
    return f"{scored} ({mean}, {low} to {high}{told})"


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"
