"""What ``reproduce`` says at its end: what was learnt, and what to run next."""

from dataclasses import replace
from pathlib import Path

from made_records import make_record

from bench.paper import load_table
from bench.report.conclusion import conclusion
from bench.reproduce.table import reproduce
from bench.reproduce.verdict import words as v

RUN = {"recipe": {"model": "carnet-mobile", "epochs": 12}}
TRAINED = make_record(
    "accuracy",
    {"run": RUN, "data": {"name": "scenes", "split": "test"}},
    {"miou": 0.5412, "images": 60},
    {},
)
HERE = Path()


def with_times(home, notes, name="table1"):
    """A table with a time of every row but those that ``notes`` names."""
    found = reproduce(name, home, {})
    times = {
        (cell.row, "time"): replace(
            found.results[cell.row, "time"],
            measured=None if cell.row in notes else 1.0,
            note=notes.get(cell.row),
            verdict=v.NOT_MEASURED if cell.row in notes else v.OTHER_MACHINE,
        )
        for cell in load_table(name)
        if cell.column == "time"
    }
    return replace(found, results={**found.results, **times})


def test_the_score_is_said_with_its_images_and_epochs_and_the_times_with_their_number(tmp_path):
    found = with_times(tmp_path, {"crf-rnn": "no time of this machine yet"})
    learnt, timed, then = conclusion(found, HERE, TRAINED)
    assert learnt == (
        "Learnt: carnet-mobile, trained for 12 epochs, reaches 54.1 % mIoU on 60 synthetic images of scenes "
        "test (one seed)."
    )
    assert timed == "Timed here: 14 of 15 rows."
    assert then == "Worth running next: carnet-bench reproduce table1 --time (rows without a valid time: 1)"


def test_times_that_are_not_valid_are_named_with_the_reason_and_re_timed_next(tmp_path):
    rows = ("enet", "sq", "segnet", "icnet")
    found = with_times(tmp_path, dict.fromkeys(rows, "not valid: spread 40 %, expected 10 %"))
    timed, then = conclusion(found, HERE)
    assert timed.startswith("Timed here: 11 of 15 rows. Not valid: ")
    assert timed.count("(spread 40 %, expected 10 %)") == 3
    assert timed.endswith(" and 1 more.")
    assert then.endswith("table1 --time (rows without a valid time: 4; stop other programs first)")


def test_with_all_times_an_ablation_is_next_and_the_home_is_in_the_command(tmp_path):
    *_, then = conclusion(with_times(tmp_path, {}), Path("study"), TRAINED)
    assert "carnet-bench ablate --lambda 0 0.2 0.4 --home study " in then


def test_a_table_of_counts_alone_has_nothing_to_conclude(tmp_path):
    assert conclusion(reproduce("table4", tmp_path, {}), HERE) == []
