"""Growth: responses of 1 kB to 900 kB, through the adapter and through the emulator."""

from benchmarks import adapter, emulator
from benchmarks.adapter_process import FLOOR
from benchmarks.lambda_forms import CONSTANT, event, ours, stock
from benchmarks.measure import Measure

SIZES = (1_000, 10_000, 100_000, 300_000, 900_000)  # bytes
FORMS = [
    CONSTANT,
    stock("tutorial form", "sized.handler"),
    ours("ours", "sized:app"),
]
HOW = "The same with responses of growing size, as text."
CHECK = (
    "From 175 kB on a response might be more JSON than a load balancer takes: ours looks for what "
    "JSON escapes, and says so in its answer, where the others get a 502 from the load balancer."
)


def title(of: str, size: int) -> str:
    """Return the title of the measure of one size."""
    return f"{of}: a response of {size // 1000} kB"


MEASURES = [
    Measure(
        name="growth-adapter",
        title=title("Adapter", size),
        unit="µs",
        floor=FLOOR,
        how=f"{HOW} {CHECK}",
        start=adapter.events(max(20, 500_000 // (1000 + size)), "sized:app", f"/{size}"),
        rounds=9,
        x=size // 1000,
    )
    for size in SIZES
] + [
    Measure(
        name="growth-emulator",
        title=title("Emulator", size),
        unit="µs",
        floor=CONSTANT.name,
        how=f"{HOW} The floor's response stays small.",
        start=emulator.invocations(20, event(f"/{size}"), FORMS),
        rounds=9,
        x=size // 1000,
    )
    for size in SIZES
]
