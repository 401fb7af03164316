"""Progress without a terminal: lines with share and time left, not a flood of them."""

import pytest

from bench.cli.progress import Lines, showing, timing, watching


class Log:
    """Lines, each with the second at which it was written, by a clock that the test moves."""

    def __init__(self):
        self.now_s = 0.0
        self.written = []
        self.lines = Lines(lambda line: self.written.append((self.now_s, line)), lambda: self.now_s)

    def tell(self, now_s, *words, **more):
        self.now_s = now_s
        self.lines.tell(*words, **more)


@pytest.fixture
def journal():
    return Log()


def test_ten_minutes_of_steps_are_a_line_about_every_30_s_with_what_is_left(journal):
    for second in range(601):
        journal.tell(float(second), "train", second, 600)
    assert [at for at, _ in journal.written] == [2.0, *(32.0 + 30 * n for n in range(19))]
    # 302 of 600 steps took 302 s
    assert (302.0, "train: 302 of 600 (50 %), about 5 min left") in journal.written


def test_a_new_stage_is_told_at_once_unless_it_follows_another_within_2_s(journal):
    journal.tell(10.0, "train", 5, 10, note="loss 0.5000")
    journal.tell(11.0, "val", 1, 40)
    journal.tell(13.0, "val", 2, 40)
    journal.tell(14.0, "val", 3, 40)
    assert journal.written == [
        (10.0, "train: 5 of 10 (50 %), loss 0.5000"),
        (13.0, "val: 2 of 40 (5 %), about 1 min left"),
    ]


def test_work_of_less_than_2_s_writes_nothing(journal):
    journal.tell(0.0, "counting", 0, 2)
    journal.tell(1.9, "counting", 2, 2)
    assert journal.written == []


def test_a_bar_that_starts_over_is_timed_from_there(journal):
    # a second run of a grid: 100 steps, the first 10 of them in 10 s
    journal.tell(0.0, "train", 0, 100)
    journal.tell(1000.0, "train", 100, 100)
    journal.tell(2000.0, "train", 0, 100)
    journal.tell(2040.0, "train", 10, 100)
    assert journal.written[-1] == (2040.0, "train: 10 of 100 (10 %), about 6 min left")


def test_a_share_is_of_the_whole_whatever_the_stage(journal):
    journal.tell(0.0, "timing", 0.0, 1.0, stage="building")
    journal.tell(30.0, "timing", 0.25, 1.0, stage="enet: samples")
    assert journal.written == [(30.0, "enet: samples: 25 %, about 2 min left")]


def test_without_a_total_a_line_is_the_stage(journal):
    journal.tell(3.0, "audit", 0, None, stage="table 1")
    assert journal.written == [(3.0, "table 1")]


def test_nothing_is_drawn_where_stderr_is_no_terminal(capsys):
    with showing() as tell, watching() as watch, timing() as show:
        tell("images", 1, 2)
        watch("train", 1, 2, 0.5)
        show("building", 0.5)
    assert capsys.readouterr() == ("", "")
