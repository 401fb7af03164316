"""Networks that predict at full size learn four images by heart; one that cannot is wrong.

The images are of one CamVid sequence, within seconds of each other. Nine classes occur in their crops, poles
and pedestrians among them, and none has fewer than 155 pixels in a crop that it occurs in. Four scenes of
different sequences would take SegNet more steps than one thread does in five minutes.

Measured on one thread of an EPYC that other work shared: ENet 0.923 after 400 steps and 33 s of CPU time,
SegNet 0.960 after 400 steps; on another kind of EPYC, which rounds otherwise, 0.868, and above 0.9 after 600.
"""

import time
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from baselines.registry import METHODS
from bench.data.catalogue import open_data
from bench.data.statistics import normalise, statistics_by_name
from bench.evaluate.confusion import Confusion
from bench.train.criterion import PixelLoss

CROP_HW = (96, 128)
CLASSES = 11
IMAGES = (221, 224, 225, 227)
NAMES = ["0016E5_02130", "0016E5_02220", "0016E5_02250", "0016E5_02310"]


class Training(NamedTuple):
    steps: int
    batch: int
    lr: float
    bn_momentum: float


def fine_crops(root: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Return the centre crops, uint8 (4, 3, h, w), their labels, int64 (4, h, w), and the images' names."""
    data = open_data("camvid", "train", root)
    samples = [data.read(index) for index in IMAGES]
    height, width = CROP_HW
    top, left = (samples[0].image.shape[1] - height) // 2, (samples[0].image.shape[2] - width) // 2
    images = torch.stack([sample.image[:, top : top + height, left : left + width] for sample in samples])
    labels = torch.stack([sample.label[top : top + height, left : left + width] for sample in samples])
    return images, labels.long(), [sample.name for sample in samples]


def learnt_by_heart(name: str, images: Tensor, labels: Tensor, training: Training) -> Confusion:
    """Train a method from chance and return its confusion on the same images in eval mode.

    Adam, its rate rising over the first tenth of the steps and falling to nothing by half a cosine; a new
    order of the images after each pass. Dropout stays as the method has it.
    """
    method = METHODS[name]
    steps, batch, lr, bn_momentum = training
    torch.manual_seed(0)
    network = method.build(CLASSES).to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = bn_momentum
    pixels = normalise(images, statistics_by_name(method.statistics))
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=lr)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, lr, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    criterion = PixelLoss(method.auxiliary)
    network.train()
    waiting: list[Tensor] = []
    for _ in range(steps):
        waiting = waiting or list(torch.randperm(len(pixels)).split(batch))
        chosen = waiting.pop()
        optimiser.zero_grad()
        criterion(network(pixels[chosen]), labels[chosen])["total"].backward()
        optimiser.step()
        rate.step()
    network.eval()
    confusion = Confusion(CLASSES)
    with torch.inference_mode():
        confusion.update(network(pixels).argmax(1), labels)
    return confusion


# a step of SegNet on four images is as long as four steps on one, and those learn more. The batch-norm of one
# image is not that of the next: its running statistics take 20 steps and not 10
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("enet", Training(steps=400, batch=4, lr=0.005, bn_momentum=0.1)),
        ("segnet", Training(steps=600, batch=1, lr=0.001, bn_momentum=0.05)),
    ],
)
def test_it_overfits_four_images_to_a_miou_above_0_9(
    name: str, training: Training, camvid_root: Path
) -> None:
    images, labels, names = fine_crops(camvid_root)
    assert names == NAMES
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.random.fork_rng(devices=[]):
        confusion = learnt_by_heart(name, images, labels, training)
    miou = confusion.miou()
    print(
        f"\n{name}: mIoU {miou:.4f} after {training.steps} steps of {training.batch} in "
        f"{time.perf_counter() - wall:.0f} s ({time.process_time() - cpu:.0f} s of CPU)"
    )
    assert sum(iou is not None for iou in confusion.iou()) >= 9
    assert miou is not None
    assert miou > 0.9
