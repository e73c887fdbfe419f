"""A process that makes tuned models one after the other until it is killed: BASE MODELS."""

import sys
from pathlib import Path

import numpy as np

from sentiment.tuned import candidate, read_head

base, models = Path(sys.argv[1]), Path(sys.argv[2])
head = read_head(base)
print("ready", flush=True)
for number in range(100_000):
    changed = {name: (value + number).astype(np.float32) for name, value in head.items()}
    with candidate(base, models, f"m{number}", changed, {"number": number}) as made:
        if number % 3:  # every third is refused
            made.accept(made.card | {"adapted": {"number": number, "accepted": True}})
