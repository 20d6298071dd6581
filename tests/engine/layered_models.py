"""A model with a head, a backbone in layers, and everything in it that freezing must keep still."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.drop(self.norm(self.linear(x)).relu())


class Deep(nn.Module):
    """``first``, three blocks and a scale that is in no layer; dropout before the head belongs to no part."""

    def __init__(self, width=6, dropout=0.3, n_outputs=3):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.first = nn.Linear(4, width)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(3))
        self.drop = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_outputs))

    def layers(self):
        return [self.first, *self.blocks]

    def forward(self, x):
        hidden = self.first(x * self.scale)
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.drop(hidden))


def deep(seed=0, **options):
    torch.manual_seed(seed)
    return Deep(**options)


BODY = {"scale", "first", "blocks.0", "blocks.1", "blocks.2"}


def part_of(name):
    """The part that a parameter belongs to: head, scale, first, blocks.0, ..."""
    pieces = name.split(".")
    return ".".join(pieces[:2]) if pieces[0] == "blocks" else pieces[0]
