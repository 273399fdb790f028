"""What can be asked for: bounds that the command line and recipes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._package_limits import MAX_BATCH, MAX_LABELS, MAX_NAME_BYTES, name_bytes
from .errors import CompileError

if TYPE_CHECKING:
    from .options import Options

MAX_SAMPLES = 1_000_000
MAX_SPEED_PAIRS = 10_000
MAX_RESULTS = 4095
MAX_SEED = 2**32 - 1
"""NumPy's."""
FLOAT_MIN, FLOAT_MAX = 2.0**-126, 3.4e38


def is_mean(value: float) -> bool:
    return abs(value) <= FLOAT_MAX  # not of NaN


def is_std(value: float) -> bool:
    return FLOAT_MIN <= abs(value) <= FLOAT_MAX


def is_share(value: float) -> bool:
    return 0 < value <= 1


def check_options(options: Options) -> None:
    """Before any work. Raises CompileError for what no package can be made of."""
    image = options.image
    wrong = [
        (not 1 <= options.batch <= MAX_BATCH, f"batch {options.batch}; a package has 1 to {MAX_BATCH} frames a run"),
        (not all(map(is_mean, image.mean)), f"the mean {image.mean}; each is a number that a float can hold"),
        (not all(map(is_std, image.std)), f"the standard deviation {image.std}; each is a number other than 0 that a float can hold"),
        (len(image.mean) != 3 or len(image.std) != 3, f"the mean {image.mean} and the standard deviation {image.std}; give one a colour"),
        (not is_share(image.crop), f"the crop {image.crop}; it is above 0, at most 1"),
        (not 0 <= options.speed_pairs <= MAX_SPEED_PAIRS, f"{options.speed_pairs} pairs of slices; there are 0 to {MAX_SPEED_PAIRS}"),
        (not 0 <= options.quantisation.seed <= MAX_SEED, f"the seed {options.quantisation.seed}; it is from 0 to {MAX_SEED}"),
        (not fits(options.name) or not options.name, f"the name {options.name!r}; it has 1 to {MAX_NAME_BYTES} bytes"),
        (len(options.labels) > MAX_LABELS, f"{len(options.labels)} labels; there are at most {MAX_LABELS}"),
        (not all(map(fits, options.labels)), f"the label {max(options.labels, key=len, default='')!r:.60}; it has at most {MAX_NAME_BYTES} bytes"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise CompileError(f"{options.name}: asked for {what}.")


def fits(text: str) -> bool:
    return name_bytes(text) <= MAX_NAME_BYTES
