"""The verdicts in words: one list, to which ``results/README.md`` is held."""

import re
from pathlib import Path

from bench.reproduce.verdict.words import Word

ROOT = Path(__file__).parents[3]


def test_the_readme_of_the_results_explains_every_verdict_as_the_code_does() -> None:
    page = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    section = page.split("## Verdicts\n")[1].split("\n## ")[0]
    explained = dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", section, re.MULTILINE))
    assert explained == {str(word): word.meaning for word in Word}
