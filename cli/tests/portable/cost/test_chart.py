"""The chart, character by character."""

import pytest

from portable.cost.chart import ASCII, UNICODE, chart, nice


def steep(rate: float) -> float:
    return rate


def steps(rate: float) -> float:
    return 3 if rate <= 6 else 8


def test_the_chart():
    lines = chart(steep, steps, {"--rps 2": 2, "break-even 8.0": 8}, 10, 35, UNICODE)
    assert lines == [
        "  10 │                           ••",
        "     │                        •••",
        "     │                 ━━━━◆◆◆━━━━━",
        "     │                 ┃ ••",
        "     │                •◆•",
        "   5 │             ••• ┃",
        "     │          •••    ┃",
        "     │━━━━━━━━◆◆━━━━━━━",
        "     │     •••",
        "     │  •••",
        "   0 │••",
        "     └─────────────────────────────",
        "      0    requests per second   10",
        "            ▲ --rps 2",
        "             break-even 8.0 ▲",
        "      • Lambda alone   ━ Fargate alone   ◆ both",
    ]


def test_the_chart_in_ascii():
    lines = chart(steep, steps, {"--rps 2": 2}, 10, 35, ASCII)
    assert all(line.isascii() for line in lines)
    table = str.maketrans("•━┃◆│─└▲", "*=#@|-+^")
    unicode = chart(steep, steps, {"--rps 2": 2}, 10, 35, UNICODE)
    assert lines == [line.translate(table) for line in unicode]


@pytest.mark.parametrize("width", [60, 80, 96])
def test_the_chart_is_as_wide_as_asked(width):
    lines = chart(steep, steps, {"--rps 9.9": 9.9, "--rps 0": 0}, 10, width)
    assert max(len(line) for line in lines) == width
    assert lines[-3].endswith("--rps 9.9 ▲")
    assert lines[-2].startswith("      ▲ --rps 0")


def test_large_amounts_keep_the_axis_in_one_column():
    lines = chart(lambda rate: rate * 1e9, steps, {}, 10, 60)
    assert {line.index("│") for line in lines[:11]} == {lines[11].index("└")}
    assert lines[0].startswith("  10,000,000,000 │")


def test_nothing_costs_nothing():
    assert chart(lambda _: 0, lambda _: 0, {}, 1, 60)[10].startswith("    0 │◆◆◆")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, 1), (0.3, 0.3), (1, 1), (1.2, 1.5), (97, 100), (100, 100), (101, 150), (7999, 8000)],
)
def test_round_numbers(number, expected):
    assert nice(number) == pytest.approx(expected)
