"""What is said of a table's times as a whole: their order, the ratios claimed, whether the print can be."""

from __future__ import annotations

from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict.plausibility import CAVEAT, IMPLAUSIBLE, Plausibility, Share

CLAIMS = {
    "table2": "The paper calls the operations of these rows comparable and prints times that differ by 1.8 "
    "to 2 times. Its LWRF times are those that the LWRF authors publish, taken with an older software stack; "
    "here both are timed in one run, round by round."
}
"""By table: how its claimed ratios came about."""


def times_section(reproduction: Reproduction) -> list[str]:
    """Return the sections of the page; nothing for a table without times."""
    if reproduction.ranks is None:
        return []
    lines = ["## Times", "", f"{_sentence(reproduction.ranks.line)}", ""]
    if reproduction.claims:
        lines += [CLAIMS[reproduction.table.name], ""]
        lines += [f"* {_sentence(claim.line)}" for claim in reproduction.claims]
        lines.append("")
    if reproduction.plausibility:
        lines += _plausibility(reproduction.plausibility, reproduction.table.device or "")
    return lines


def times_notes(reproduction: Reproduction) -> list[str]:
    """Return what the terminal says of the times: order, ratios, and the printed times that cannot be."""
    if reproduction.ranks is None:
        return []
    notes = [reproduction.ranks.line, *(claim.line for claim in reproduction.claims)]
    for time in reproduction.plausibility:
        asked = [f"{_percent(share)} of {share.card.name}" for share in time.shares if _is_too_much(share)]
        if asked:
            notes.append(f"printed time of {time.title}, {time.printed} ms, asks for {' and '.join(asked)}")
    return notes


def _plausibility(times: tuple[Plausibility, ...], device: str) -> list[str]:
    named = next((time.shares for time in times if time.shares), ())
    lines = [
        "## What the printed times ask of the card",
        "",
        f"The paper's card: {device}{', which fits several' if len(named) > 1 else ''}. In each cell: the "
        "least time of the card for the operations counted here (or for its bytes), and that over the print. "
        f"{CAVEAT}",
        "",
        "| Method | Printed (ms) | GMAC | " + " | ".join(share.card.name for share in named) + " | Verdict |",
        "|---" * (4 + len(named)) + "|",
    ]
    for time in times:
        shares = [_share(share) for share in time.shares] or ["-"] * len(named)
        gmacs = "-" if time.gmacs is None else f"{time.gmacs:.1f}"
        lines.append(f"| {' | '.join((time.title, time.printed, gmacs, *shares, time.verdict))} |")
    lines += ["", "Peaks:", ""]
    lines += [
        f"* {card.name}: {card.cores} cores at {card.boost_mhz:g} MHz, "
        f"{2 * card.gmacs_per_s / 1000:.2f} Tflop/s; {card.bandwidth_gb_per_s:g} GB/s ({card.source})"
        for card in (share.card for share in named)
    ]
    return [*lines, ""]


def _share(share: Share) -> str:
    said = f"{share.bound_ms:.3g} ms, {_percent(share)}"
    if share.bound_by == "bytes":
        said += " (bytes)"
    return f"**{said}, {IMPLAUSIBLE}**" if _is_too_much(share) else said


def _is_too_much(share: Share) -> bool:
    return share.verdict == IMPLAUSIBLE


def _percent(share: Share) -> str:
    return f"{100 * share.fraction:.0f} %"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
