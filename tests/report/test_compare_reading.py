"""What the page of a comparison says of its result, and the limits that it names."""

from pathlib import Path

from compared_methods import SIZE, make_entry, make_given

from bench.report.compare_reading import reading
from bench.reproduce.comparison import judge_comparison
from bench.reproduce.comparison_result import Entry


def read(home: Path, *entries: Entry) -> str:
    return "\n".join(reading(judge_comparison("made", entries, home, SIZE)))


def test_the_best_and_the_pairs_that_are_told_apart_are_named(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        make_entry(tmp_path, "enet", (100, 110, 120), 10.0),
        make_entry(tmp_path, "sq", (500, 510, 520), 20.0),
        make_entry(tmp_path, "bisenet1", (116, 98, 120), 30.0),
    )
    # seed by seed 900 / 1,100, 890 / 1,110 and 880 / 1,120 of either class
    assert "ENet has the highest mIoU, 80.19 %; it cannot be told apart from BiSeNet1." in text
    assert "Of 3 pairs of methods 2 are told apart; not ENet from BiSeNet1." in text
    assert "On the front of mIoU against time: ENet." in text
    assert "BiSeNet1 is not on the front: no real lead over ENet in either." in text


def test_one_leader_alone_is_said_to_lead_really(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        make_entry(tmp_path, "enet", (100, 102, 104)),
        make_entry(tmp_path, "sq", (500, 501, 502)),
    )
    assert "ENet has the highest mIoU, 81.49 %; its lead over each other method is real." in text
    assert "The two methods can be told apart." in text


def test_two_seeds_say_that_the_order_can_be_chance(tmp_path: Path) -> None:
    text = read(tmp_path, make_entry(tmp_path, "enet", (100, 110)), make_entry(tmp_path, "sq", (500, 510)))
    assert "Nothing is judged: the order of the table can be chance." in text
    assert "highest mIoU" not in text


def test_what_was_left_to_learn_is_read_from_the_last_two_validations(tmp_path: Path) -> None:
    still = make_entry(tmp_path, "enet", (100, 110, 120), validated=(0.2, 0.25, 0.31))
    done = make_entry(tmp_path, "sq", (500, 510, 520), validated=(0.2, 0.4, 0.402))
    text = read(tmp_path, still, done)
    assert "still changed from epoch 2 to epoch 3, by +0.20 (SQ) to +6.00 points (ENet)" in text
    assert "little was left to learn" in read(tmp_path, done)
    assert "No run was validated twice" in read(
        tmp_path, make_entry(tmp_path, "bisenet1", (100,), validated=(0.2,))
    )


def test_methods_from_scratch_are_named_where_others_start_from_imagenet(tmp_path: Path) -> None:
    scratch = make_entry(tmp_path, "enet", (100, 110, 120))
    started = make_entry(tmp_path, "carnet-mobile", (90, 95, 99), weights="mobilenet_v2_imagenet_timm")
    assert "From scratch: ENet; the others start from ImageNet weights." in read(tmp_path, scratch, started)
    assert "From scratch" not in read(tmp_path, scratch)


def test_what_was_not_trained_here_is_named_and_never_the_best(tmp_path: Path) -> None:
    judged = [make_entry(tmp_path, "enet", (100, 110, 120)), make_entry(tmp_path, "sq", (500, 510, 520))]
    better = make_given(tmp_path, make_entry(tmp_path, "bisenet1", (10,)), "net.onnx", file="onnx")
    text = read(tmp_path, *judged, better)
    assert "ENet has the highest mIoU" in text
    assert "no part of these verdicts: net.onnx." in text
