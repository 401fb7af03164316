"""A user's network that does something of its own: at import, in its builder, or in its forward pass."""

from __future__ import annotations

NET = """
import os, sys, signal
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Conv2d(3, classes, 1)

    def forward(self, image):
        {forward}
        return self.layer(image)

def build(num_classes):
    {builder}
    return Net(num_classes)

{module}
"""


def net(module: str = "", builder: str = "", forward: str = "") -> str:
    """Return the text of its file; each part is Python."""
    return NET.format(module=module, builder=builder or "pass", forward=forward or "pass")
