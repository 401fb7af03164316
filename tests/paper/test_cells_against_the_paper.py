"""Re-reads the paper's own text, cell by cell: every table is parsed again and compared whole."""

import os
import re
from pathlib import Path

import pytest

from bench.paper import TABLES, load_table, rows

DASHES = {"-", "_", "—", ""}
NUMBER = r"\d+(?:\.\d+)?"

Printed = tuple[str, str | None, frozenset[str]]  # number, std, marks
Cells = dict[tuple[str, str], Printed]


@pytest.fixture(scope="module")
def paper() -> str:
    default = Path(__file__).parents[2].parent / "shared" / "paper" / "carnet-2020.txt"
    path = Path(os.environ.get("CARNET_PAPER", default))
    if not path.is_file():
        pytest.skip(f"the paper's text is not at {path}; name it by CARNET_PAPER")
    return path.read_text(encoding="utf-8")


def table_lines(text: str, header: str) -> list[list[str]]:
    """Return the fields of the lines below a table's header line, up to the first empty line."""
    lines = text.splitlines()
    start = lines.index(header) + 1
    block = []
    for line in lines[start:]:
        if not line.strip():
            break
        block.append(line.split("\t"))
    return block


def number_of(field: str) -> Printed | None:
    field = field.strip()
    if field in DASHES:
        return None
    marks = set()
    if underlined := re.fullmatch(r"<u>(.*)</u>", field):
        field, marks = underlined[1], {"underlined"}
    parts = re.fullmatch(rf"({NUMBER})(?: ± ({NUMBER}))?( \(msc\))?(?: G)?", field)
    assert parts, f"not a cell: {field!r}"
    if parts[3]:
        marks.add("msc")
    return parts[1], parts[2], frozenset(marks)


def title_of(field: str) -> tuple[str, frozenset[str]]:
    """Return the method's name without reference numbers, and its mark."""
    bare = re.sub(r"\s*\[\d+\],?", "", field)
    return bare.replace("[†]", "").strip(), frozenset({"dagger"} if "†" in field else ())


def collect(block: list[list[str]], columns: tuple[str, ...], first: int = 1) -> Cells:
    cells: Cells = {}
    for fields in block:
        title, row_marks = title_of(fields[0])
        padded = fields + [""] * (first + len(columns) - len(fields))
        for column, field in zip(columns, padded[first:], strict=True):
            if (number := number_of(field)) is not None:
                cells[title, column] = (number[0], number[1], number[2] | row_marks)
    return cells


# marks that are ours, not the paper's print
OURS = {"no-rule", "decimal-mb", "scaled-from-360x640", "text-only"}


def stored(name: str) -> Cells:
    return {
        (cell.title, cell.column): (cell.printed, cell.std, frozenset(cell.marks) - OURS)
        for cell in load_table(name)
    }


def test_table_1_is_what_the_paper_prints(paper: str) -> None:
    header = "Method\tInput size\tFLOPs (G)\tParams (M)\tTime (ms)\tFrame (fps)\tMIoU (%)"
    block = table_lines(paper, header)
    found = collect(block, TABLES["table1"].columns, first=2)
    assert len(found) == 73
    assert found == stored("table1")
    sizes = {title_of(fields[0])[0]: re.sub(r"\D", "x", fields[1]) for fields in block}
    assert list(sizes) == [row.title for row in rows("table1")]
    for row in rows("table1"):
        # the paper writes 640x360 as width x height, every other size as height x width
        printed = "360x640" if sizes[row.title] == "640x360" else sizes[row.title]
        assert row.input_size == printed


def test_table_2_is_what_the_paper_prints_with_its_standard_deviations(paper: str) -> None:
    block = table_lines(paper, "Method\tMIoU (%)\tFLOPs (G)\tTime (ms)")
    # the times of the first six rows stand as one array in the first row's field
    times = re.findall(rf"({NUMBER}) \\pm ({NUMBER})", block[0][3])
    assert len(times) == 6
    for fields, (mean, std) in zip(block[:6], times, strict=True):
        fields[3:] = [f"{mean} ± {std}"]
    found = collect(block, TABLES["table2"].columns)
    assert len(found) == 30
    assert found == stored("table2")
    size = re.search(r"TABLE 2\..* at a (\d+) \S (\d+) input image", paper)
    assert size is not None
    assert {cell.input_size for cell in load_table("table2")} == {f"{size[2]}x{size[1]}"}


def test_table_3_is_what_the_paper_prints(paper: str) -> None:
    block = table_lines(paper, "Method\tParams(M)\tMIoU(%)")
    found = collect(block, TABLES["table3"].columns)
    assert len(found) == 20
    assert found == stored("table3")
    assert [title_of(fields[0])[0] for fields in block] == [row.title for row in rows("table3")]


def test_table_4_is_what_the_paper_prints_and_its_other_others_come_from_the_text(paper: str) -> None:
    found = collect(table_lines(paper, "Method\tBS\tCARModule\tCRP\tOthers"), TABLES["table4"].columns)
    assert len(found) == 13
    resnet = re.search(rf'"Others" component contains about ({NUMBER}) G FLOPs', paper)
    mobile = re.search(
        rf'"Others" component and CRP component contain ({NUMBER}) G and ({NUMBER}) G FLOPs', paper
    )
    assert resnet is not None
    assert mobile is not None
    for title, match in (("ResNet101", resnet), ("ResNet50", resnet), ("Mobile", mobile)):
        found[f"CARNet-{title}", "others"] = (match[1], None, frozenset())
    assert found == stored("table4")
    text_only = {(cell.row, cell.column) for cell in load_table("table4") if "text-only" in cell.marks}
    assert text_only == {(f"carnet-{name}", "others") for name in ("resnet101", "resnet50", "mobile")}


def test_table_5_is_what_the_paper_prints_and_its_improvements_are_differences(paper: str) -> None:
    block = table_lines(paper, "Method\tMIoU(%)\timprovement(%)")
    found: list[tuple[str, str, str]] = []
    base = ""
    previous = None
    for fields in block:
        if fields[1] == "":
            base = fields[0]
            previous = None
            continue
        title, miou, improvement = fields
        cell = next(c for c in load_table("table5") if c.title == title and c.row.endswith(base_row(base)))
        if previous is None:
            assert improvement == "/"
        else:
            assert f"+{cell.value - previous}" == improvement
        previous = cell.value
        found.append((base_row(base), title, miou))
    assert len(found) == 8
    assert found == [(c.row.rpartition("-")[2], c.title, c.printed) for c in load_table("table5")]


def base_row(heading: str) -> str:
    return {"ResNet50-based model:": "resnet50", "MobileNet-based model:": "mobile"}[heading]


# the sentence of each number in the running text; a group for each number, in the order of text.csv
SENTENCES = [
    ("II.B", ["miou", "fps"], r"SegNet \[22\] .*?achieves (N)% MIoU at (N) FPS on 640\D360 images"),
    ("II.B", ["miou", "fps"], r"ENet \[13\] .*?achieves (N)% MIoU at (N) FPS on 512\D1024 images"),
    ("II.B", ["miou"], r"ICNet proposed .*?achieves (N)% MIoU on 720\D960 images for the CamVid"),
    ("II.B", ["miou", "fps"], r"BiSeNet \[27\] .*?achieves (N)% MIoU at (N) FPS on 768\D1536 images"),
    (
        "I",
        ["carmodule_params_each", "carmodule_flops_each"],
        r"only contains approximately (N)M parameters and (N)M FLOPs in a typical",
    ),
    (
        "III.A",
        ["carmodule_params_each", "decoder_params"],
        r"contains approximately (N) M parameters and the decoder component totally includes (N) M",
    ),
    ("IV.D", ["params"], r"very small number of parameters \((N)M\)"),
    (
        "IV.E.1 on Fig. 7",
        ["bs_params", "bs_params", "others_params", "crp_params", "carmodule_params", "bs_params"],
        r"\b(N) M to (N) M\).*?contains (N) M parameters. The CRP component contains (N) M"
        r".*?CARModules only contain (N) M parameters.*?substantially decreases to (N) M",
    ),
    ("IV.E.1 on Fig. 7", ["carmodule_params"], r"CARModule part also slightly decreases to (N) M"),
    (
        "IV.E.2 on Table 4",
        ["bs", "bs", "others", "crp", "carmodule", "bs"],
        r"\(approximately (N) G to (N) G\).*?contains about (N) G FLOPs, and the CRP component contains "
        r"about (N) G FLOPs.*?only contain (N) G FLOPs.*?substantially decrease to (N) G",
    ),
    (
        "IV.E.2 on Table 4",
        ["others", "crp", "carmodule"],
        r"component contain (N) G and (N) G FLOPs.*?totally contain (N) G FLOPs",
    ),
]


def test_the_numbers_of_the_running_text_are_what_the_paper_prints(paper: str) -> None:
    found = []
    for where, columns, sentence in SENTENCES:
        match = re.search(sentence.replace("(N)", f"({NUMBER})"), paper, flags=re.DOTALL)
        assert match is not None, sentence
        found += [(where, column, value) for column, value in zip(columns, match.groups(), strict=True)]
    assert found == [(cell.where, cell.column, cell.printed) for cell in load_table("text")]


def test_the_re_reading_sees_a_single_changed_digit() -> None:
    text = "Method\tParams(M)\tMIoU(%)\nSegNet [29]\t29.7\t21.6\n\nmore"
    found = collect(table_lines(text, "Method\tParams(M)\tMIoU(%)"), ("params", "miou"))
    assert found == {
        ("SegNet", "params"): ("29.7", None, frozenset()),
        ("SegNet", "miou"): ("21.6", None, frozenset()),
    }
    assert found["SegNet", "params"] != stored("table3")["SegNet", "params"]
