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
MEMORY = (
    "From 300 kB on most of the time is that of the kernel, which gives out memory and takes it "
    "back for each response, unless the C library keeps it: the image of ours tells it to "
    "(`ENV MALLOC_...` in the Dockerfile), and Mangum's process has it kept by chance. Whether the "
    "JSON is more than a load balancer takes the runtime client sees, which makes it anyway."
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
        how=f"{HOW} {MEMORY}",
        start=adapter.events(max(20, 500_000 // (1000 + size)), "sized:app", f"/{size}"),
        goals=adapter.GOALS,
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
