"""Image: its size, and how long it takes to build it again when the code has changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.images import BuildFailed, Image, images, missing
from benchmarks.measure import Goal, Limit, Measure, Sampler

SERVER, OURS = "tutorial form, server", "ours"
BASE = """\
All images are built on the project's base image, and the tutorial's Lambda image too, whose own
base has the runtime client in it."""

PROFILE = """\
The base is most of it. On top of it ours has 28 MB: bytecode 9.0, sources 8.3, libraries 7.6, the
rest data and metadata; the tutorial's server has 108. A service without the table has no botocore,
which takes 6. For the goal the sources would have to go, too: a traceback would have no lines any
more. They stay."""


def size(image: Image) -> float:
    """Return the size of `image` in MB."""
    return image.inspect()[0] / 1e6


def rebuild(image: Image) -> float:
    """Return the seconds that a build takes after a change of the app.

    Raises `BuildFailed` where more than the last layer is new.
    """
    *before, _ = image.inspect()[1]
    image.change_code()
    started = time.perf_counter()
    image.build()
    seconds = time.perf_counter() - started
    *after, _ = image.inspect()[1]
    if before != after:
        raise BuildFailed(f"{image.name}: a change of the app made more than the last layer anew.")
    return seconds


def built(sampler: Callable[[Image], float], *names: str):
    """Return the `start` of a measure of the images of these names, which are built first."""

    @contextmanager
    def start(quick: bool) -> Iterator[dict[str, Sampler]]:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            chosen = [image for image in images(Path(folder)) if image.name in names]
            for image in chosen:
                image.build()
                stack.callback(image.remove)
            yield {image.name: partial(sampler, image) for image in chosen}

    return start


MEASURES = [
    Measure(
        name="image",
        title="Image: size",
        unit="MB",
        floor="base image",
        how=f"{BASE} The size is that of the layers, not compressed. {PROFILE}",
        start=built(size, "base image", "tutorial form, Lambda", SERVER, OURS),
        goals=(Goal(OURS, SERVER, 0.6),),
        rounds=2,
        missing=missing,
    ),
    Measure(
        name="image-rebuild",
        title="Image: build after a change of the app",
        unit="s",
        floor=SERVER,
        how=(
            f"{BASE} `docker build` after a line was added to the app, with everything else in "
            "the engine's cache. Of each image only the last layer is new, and has code only."
        ),
        start=built(rebuild, "tutorial form, Lambda", SERVER, OURS),
        goals=(Limit(OURS, 5),),
        rounds=5,
        missing=missing,
    ),
]
