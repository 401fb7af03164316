"""The 19 classes of the synthetic street scenes, in the order of Cityscapes' train ids."""

from bench.data.dataset import IGNORE
from bench.data.entry import Entry

ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN = range(10)
SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE = range(10, 19)
VOID = 255
# what has an extent but no countable shape; poles, lights and signs are objects, unlike in Cityscapes' groups
STUFF = (ROAD, SIDEWALK, BUILDING, WALL, FENCE, VEGETATION, TERRAIN, SKY)

CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)

# the colours in which Cityscapes' classes are customarily shown
PALETTE = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (102, 102, 156),
    (190, 153, 153),
    (153, 153, 153),
    (250, 170, 30),
    (220, 220, 0),
    (107, 142, 35),
    (152, 251, 152),
    (70, 130, 180),
    (220, 20, 60),
    (255, 0, 0),
    (0, 0, 142),
    (0, 0, 70),
    (0, 60, 100),
    (0, 80, 100),
    (0, 0, 230),
    (119, 11, 32),
)

ENTRY = Entry(
    "scenes",
    "synthetic street scenes, exact labels",
    "nothing to get: made from a seed",
    CLASSES,
    PALETTE,
    {**{train_id: train_id for train_id in range(IGNORE)}, IGNORE: IGNORE},
    None,
    stuff=STUFF,
)
