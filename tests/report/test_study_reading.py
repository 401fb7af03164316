"""``reproduced.md`` on Figs. 8 to 10: the claimed best against each variant, and how long SCLoss acts."""

from collections.abc import Mapping, Sequence

from bench.evaluate.differences import SEEDS_AND_IMAGES, Interval
from bench.report.study_reading import FigureReading, figure_readings, scloss_duration
from bench.reproduce.study_result import Gain, JudgedStudy, Level, Panel, Probed, Statement
from bench.reproduce.verdict import words as v
from bench.results.value_types import CurvePoint, SclossProbe


def make_level(label: str, miou: float | None, seeds: int = 3) -> Level:
    found = None
    if miou is not None:
        found = Interval(miou / 100, 0.0, 1.0, 0.95, 0.01, seeds, 233, 29, SEEDS_AND_IMAGES)
    return Level(label, None, found, tuple(range(seeds)), (), (), None, None)


def make_study(
    levels: Sequence[Level],
    gains: Mapping[str, str] | None = None,
    probed: Sequence[Probed] = (),
    *,
    improves: bool = False,
) -> JudgedStudy:
    differences = tuple(
        Gain("best", over, None, None, verdict, verdict, None) for over, verdict in (gains or {}).items()
    )
    statement = Statement("best is best", v.NOT_DISTINGUISHABLE, None)
    panel = Panel("a model", "measured", tuple(levels), differences, statement)
    return JudgedStudy("fig10", "Fig. 10", "by lambda", improves, (panel,), tuple(probed))


def make_probed(label: str, shares: Sequence[float], absent: float) -> Probed:
    """Return one seed's probes, every second epoch; the classes absent end with this presence."""
    points = [
        CurvePoint(
            epoch=2 * number,
            step=number,
            loss=1.0,
            encoder_lr=0.1,
            scloss=SclossProbe(
                semantic_loss=[1.0, 1.0],
                present=[0.9, 0.9],
                absent=[absent - 0.02, absent + 0.02],
                pixel_gradient_norm=1.0,
                scloss_gradient_norm=1.0,
                scloss_share=share,
                clip_factor=1.0,
            ),
        )
        for number, share in enumerate(shares, start=1)
    ]
    return Probed(label, "", {0: tuple(points)})


SCORED = [make_level("none", 55.0), make_level("low", 54.0), make_level("best", 54.46)]


def test_a_row_says_which_variants_the_claimed_best_differs_from_and_in_which_direction() -> None:
    levels = [make_level("a", 50.04), make_level("best", 54.06, seeds=2), make_level("b", None, seeds=0)]
    gains = {"a": v.REPRODUCED, "c": v.REPRODUCED, "d": v.CONTRADICTED, "b": v.NOT_MEASURED}
    assert figure_readings([make_study(levels, gains)]) == [
        FigureReading(
            "fig10",
            "Fig. 10",
            "best is best",
            v.NOT_DISTINGUISHABLE,
            "a: 50.0 (3), best: 54.1 (2), b: - (0)",
            above="a, c",
            level="-",
            below="d",
        )
    ]


def test_a_study_without_a_run_or_without_a_claimed_best_has_no_row() -> None:
    nothing = make_study([make_level("a", None, seeds=0)])
    assert figure_readings([nothing, make_study(SCORED, improves=True)]) == []


def test_where_the_share_ends_early_the_span_of_scores_shares_epochs_and_presence_is_said() -> None:
    probed = [
        make_probed("low", [0.4, 0.04, 0.02, 0.02], 0.94),  # mean 0.12
        make_probed("best", [0.78, 0.04, 0.01, 0.01], 0.96),  # mean 0.21
    ]
    (said,) = scloss_duration([make_study(SCORED, probed=probed)])
    assert said == (
        "Fig. 10, low to best: mean scores of 54.0 to 54.5 %. Over all probes SCLoss takes 0.12 to 0.21 of "
        "the gradient, and less than 0.05 of it from epoch 4 of 8 on; at the end absent classes are called "
        "present with 0.94 to 0.96. In all of them SCLoss acts in the first epochs alone."
    )


def test_a_share_that_ends_in_the_second_half_is_not_called_one_of_the_first_epochs() -> None:
    probed = [make_probed("low", [0.4, 0.4, 0.02, 0.02], 0.9), make_probed("best", [0.4, 0.02], 0.9)]
    (said,) = scloss_duration([make_study(SCORED, probed=probed)])
    assert "from epoch 4 to 6 of 8 on; " in said
    assert said.endswith("called present with 0.90.")


def test_a_variant_whose_share_stays_to_the_end_is_named() -> None:
    probed = [make_probed("low", [0.4, 0.3], 0.3), make_probed("best", [0.4, 0.02], 0.9)]
    (said,) = scloss_duration([make_study(SCORED, probed=probed)])
    assert said.endswith("of the gradient, and still 0.05 or more of it at the end with low.")


def test_nothing_is_said_of_fewer_than_two_scored_variants_or_of_the_other_form() -> None:
    one = [make_probed("best", [0.4, 0.02], 0.9)]
    other = make_probed("with a term for absent classes", [0.4, 0.4], 0.2)
    both = [*one, make_probed("low", [0.4, 0.02], 0.9)]
    short = [make_level("none", 55.0), make_level("low", None, seeds=0), make_level("best", 54.0)]
    cases = [make_study(SCORED, probed=[*one, other]), make_study(short, probed=both), make_study(SCORED)]
    assert scloss_duration(cases) == []
    (said,) = scloss_duration([make_study(SCORED, probed=[*both, other])])
    assert "at the end with" not in said


def test_without_a_class_that_is_absent_its_presence_is_left_open() -> None:
    probed = [make_probed(label, [0.4, 0.02, 0.02, 0.02], 0.9) for label in ("low", "best")]
    for one in probed:
        for point in one.points[0]:
            assert point.scloss is not None
            point.scloss.absent[:] = [None, None]
    (said,) = scloss_duration([make_study(SCORED, probed=probed)])
    assert "absent classes are called present with -. In all of them" in said
