"""Upsample, arg-max and count of one 1024x2048 image: ours and torch's three calls, interleaved in one run.

python tests/benchmarks/evaluation.py [--rounds 15] [--weights FILE] [--views-only]

Inputs, each of 256x512 logits that are enlarged four times:
  random   every logit by itself: no two neighbours agree, the most pixels without a clear lead
  smooth   random logits of 16x32, enlarged: large regions of one class, as a network's
  network  the logits of a committed network's weights on drawn scenes (11 classes of its own)

Each pair of times is of the same logits in the same memory format, one after the other; printed are medians,
and the median of the ratios of the pairs. Peaks are the rise of the resident memory over what holds the small
logits, by processes of their own.

Last, the processor time of a network (random weights) on several views of one image of 360x480, 11 classes:
how much of it the network takes, which bounds what all the rest can gain, and the ratio of one view at a time
to several at once.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from baselines.registry import METHODS
from bench.data.catalogue import open_data
from bench.data.statistics import Statistics, normalise
from bench.evaluate.confusion import Confusion
from bench.evaluate.deferred import logits_of
from bench.evaluate.enlargement import Enlargement
from bench.evaluate.peak import PeakMemory
from bench.evaluate.views import MSC, Views, padded, summed_probabilities
from bench.heap import keep_heap
from bench.models import resolve
from bench.train.weight_file import describe_weights, fit, load_weights

SIZE_HW = (1024, 2048)
SMALL_HW = (256, 512)
_VIEWED_HW, _AT_ONCE = (360, 480), 8
FORMATS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
WEIGHTS = sorted((Path(__file__).parents[2] / "results" / "weights").glob("*.safetensors"))


def random_logits(classes: int) -> Tensor:
    """Return normal logits, each by itself."""
    return torch.randn(1, classes, *SMALL_HW, generator=torch.Generator().manual_seed(0))


def smooth_logits(classes: int) -> Tensor:
    """Return normal logits of a sixteenth of the size, enlarged."""
    coarse = torch.randn(1, classes, 16, 32, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=SMALL_HW, mode="bilinear")


def network_logits(weights: Path) -> Tensor:
    """Return what a published network says to a drawn scene before its last enlargement."""
    description = describe_weights(weights)
    identity = description.stored_identity
    classes = identity["num_classes"]
    network = resolve(identity["model"]).build(classes, **identity["recipe"]["model_options"])
    fit(network, load_weights(weights), weights)
    image = open_data("scenes", "test", count=4, size_hw=SIZE_HW).read(0).image[None]
    of_training = Statistics(description.statistics.mean, description.statistics.std)
    found = logits_of(network.eval(), normalise(image, of_training), classes)
    if not isinstance(found, Enlargement):
        raise SystemExit(f"{weights.name}: the network does not end in an enlargement")
    return found.small


def plain(small: Tensor, label: Tensor) -> Tensor:
    """Torch's three calls: the whole enlargement, its arg-max, one count."""
    classes = small.shape[1]
    prediction = F.interpolate(small, size=SIZE_HW, mode="bilinear").argmax(dim=1)[0]
    counted = label != 255
    cells = label[counted].long() * classes + prediction[counted]
    return torch.bincount(cells, minlength=classes**2).view(classes, classes)


def bare(small: Tensor, label: Tensor) -> Tensor:
    """The same with a label that has no ignored pixel, so nothing to pick out."""
    classes = small.shape[1]
    prediction = F.interpolate(small, size=SIZE_HW, mode="bilinear").argmax(dim=1)[0]
    return torch.bincount((label * classes + prediction).flatten(), minlength=classes**2)


def ours(small: Tensor, label: Tensor) -> Tensor:
    """The bands, then our count with all of its checks."""
    prediction = Enlargement(small, SIZE_HW).largest()
    return torch.from_numpy(Confusion(small.shape[1]).update(prediction, label))


def seconds(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Return how long one call takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare(name: str, small: Tensor, rounds: int) -> None:
    """Print the times of one input in both memory formats."""
    classes = small.shape[1]
    label = torch.randint(0, classes, SIZE_HW, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    wide_label = label.long()
    with_rim = label.clone()
    with_rim[:20] = 255
    for format_name, memory_format in FORMATS.items():
        logits = small.contiguous(memory_format=memory_format)
        times: dict[str, list[float]] = {"bare": [], "plain": [], "ours": []}
        different = 0
        for number in range(rounds + 1):
            bare_s, _ = seconds(partial(bare, logits, wide_label))
            plain_s, theirs = seconds(partial(plain, logits, with_rim))
            ours_s, matrix = seconds(partial(ours, logits, with_rim))
            different = int((matrix - theirs).abs().sum())
            if number:  # the first pays for memory
                for key, value in (("bare", bare_s), ("plain", plain_s), ("ours", ours_s)):
                    times[key].append(value)
        medians = {key: 1000 * statistics.median(values) for key, values in times.items()}
        ratios = [
            statistics.median(a / b for a, b in zip(times[key], times["ours"], strict=True))
            for key in ("bare", "plain")
        ]
        print(
            f"{name:8} {classes:4} {format_name:14} {medians['bare']:9.1f} {medians['plain']:9.1f}"
            f" {medians['ours']:9.1f}   {ratios[0]:5.2f}  {ratios[1]:5.2f}   {different}"
        )


def print_peak(which: str, classes: int, format_name: str) -> None:
    """Print the peak of one call in this process."""
    small = random_logits(classes).contiguous(memory_format=FORMATS[format_name])
    label = torch.zeros(SIZE_HW, dtype=torch.uint8)
    with PeakMemory(torch.device("cpu")) as peak:
        {"ours": ours, "plain": plain}[which](small, label)
    print(peak.mib)


def views_line(model: str, name: str, views: Views, rounds: int) -> str:
    """Return the processor time of an image's views, the network's share, and what views at once change."""
    network = METHODS[model].build(11).to(memory_format=torch.channels_last).eval()
    image = torch.randn(1, 3, *_VIEWED_HW, generator=torch.Generator().manual_seed(2))
    in_network = 0.0

    def logits(shown: Tensor) -> Tensor:
        nonlocal in_network
        start = time.process_time()
        found: Tensor = network(padded(shown, METHODS[model].sizes))
        in_network += time.process_time() - start
        return found[..., : shown.shape[-2], : shown.shape[-1]]

    taken: dict[int, list[float]] = {1: [], _AT_ONCE: []}
    shares: list[float] = []
    for number in range(rounds + 1):
        for at_once, times in taken.items():
            in_network, start = 0.0, time.process_time()
            summed_probabilities(logits, image, views, _VIEWED_HW, at_once=at_once)
            cpu_s = time.process_time() - start
            if number:  # the first pays for memory
                times.append(cpu_s)
                shares += [in_network / cpu_s] if at_once == 1 else []
    ratio = statistics.median(a / b for a, b in zip(*taken.values(), strict=True))
    cpu_ms = 1000 * statistics.median(taken[1])
    return f"{model:30} {name:8} {cpu_ms:8.0f} {statistics.median(shares):9.1%} {ratio:12.2f}"


def compare_enlargements(rounds: int, weights: Path | None) -> None:
    """Print the ratios of all inputs, then the peaks."""
    load = os.getloadavg()[0]
    print(f"{torch.get_num_threads()} threads, load {load:.1f}, {rounds} rounds; ms and ratios")
    print(
        "bare: interpolate, argmax, bincount of an int64 label; plain: and picking out labelled pixels first"
    )
    print("input    classes format            bare     plain      ours    bare  plain   counted otherwise")
    compare("random", random_logits(19), rounds)
    compare("smooth", smooth_logits(19), rounds)
    if weights:
        compare("network", network_logits(weights), rounds)
    compare("random", random_logits(150), max(rounds // 3, 1))
    print("\npeak MiB over the small logits    ours   plain")
    for classes in (19, 150):
        for format_name in FORMATS:
            peaks = []
            for which in ("ours", "plain"):
                command = [sys.executable, __file__, "--peak", which, str(classes), format_name]
                answer = subprocess.run(command, check=True, capture_output=True, text=True)
                peaks.append("n/a" if answer.stdout.strip() == "None" else f"{float(answer.stdout):.0f}")
            print(f"  {classes:4} classes, {format_name:14}  {peaks[0]:>8}  {peaks[1]:>6}")


def main() -> None:
    """Print the ratios of all inputs, then the peaks, then several views of an image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--weights", type=Path, default=WEIGHTS[0] if WEIGHTS else None)
    parser.add_argument("--views-only", action="store_true")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    if arguments.peak:
        which, classes, format_name = arguments.peak
        print_peak(which, int(classes), format_name)
        return
    if not arguments.views_only:
        compare_enlargements(arguments.rounds, arguments.weights)
    keep_heap()
    print(f"\n{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; several views of one image")
    print(f"{'network':30} {'views':8} {'CPU ms':>8} {'in network':>9} {f'1 / {_AT_ONCE} at once':>12}")
    for model in ("carnet-mobile", "smp-fpn-mobilenetv2"):
        for name, views in (("msc", MSC), ("windows", Views(window_hw=(176, 240)))):
            print(views_line(model, name, views, max(arguments.rounds // 3, 1)))


if __name__ == "__main__":
    main()
