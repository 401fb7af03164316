"""What the whole paper would cost: the block agrees with itself, and needs measured times."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.errors import NotMeasured
from bench.report.cost_block import cost_block

ROOT = Path(__file__).parents[2]


def test_the_days_follow_from_the_hours_and_the_longest_run() -> None:
    text = cost_block(ROOT)
    (total,) = re.findall(r"([\d,]+) device\s+hours", text)
    (longest,) = re.findall(r"takes\s+(\d+) h", text)
    parts = re.findall(r"^\| (?:Table|Fig\.) [\d]+ \| \d+ \| ([\d,]+) \|$", text, re.MULTILINE)
    days = {
        int(row[0]): [float(number) for number in row[1:]]
        for row in re.findall(
            r"^\| (\d+) \| ([\d.]+) \| \d+% \| ([\d.]+) .*? \| ([\d.]+) .*\|$", text, re.MULTILINE
        )
    }
    hours = float(total.replace(",", ""))
    assert sum(float(part.replace(",", "")) for part in parts) == pytest.approx(hours, abs=4)
    assert days[1][0] == pytest.approx(hours / 24, abs=0.1)
    assert days[64][0] == pytest.approx(float(longest) / 24, abs=0.1)
    assert hours / 24 / 8 <= days[8][0] + 0.1
    for plain, failing, unsaved in days.values():
        assert plain <= failing < unsaved


def test_without_times_of_a_gpu_nothing_is_estimated(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="resnet152") as caught:
        cost_block(tmp_path)
    assert "--device cuda" in (caught.value.then or "")
