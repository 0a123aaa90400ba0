"""Metric math."""

import pytest

from portable.errors import PortableError
from portable.local.operate.expressions import evaluate

VALUES = {"requests": 50.0, "errors": 4.0, "zero": 0.0, "missing": None}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("requests", 50),
        ("100 * errors / requests", 8),
        ("errors + 1.5 - requests", -44.5),
        ("errors >= 4", 1),
        ("errors > 4", 0),
        ("errors < 5", 1),
        ("errors <= 3", 0),
        ("errors == 4", 1),
        ("IF(requests >= 20, 100 * errors / requests, 0)", 8),
        ("IF(requests >= 51, 1, IF(errors > 3, 2, 3))", 2),
        ("FILL(missing, 0) + errors", 4),
        ("FILL(requests, 0)", 50),
        ("missing + 1", None),
        ("IF(missing > 1, 1, 2)", None),
        ("errors / zero", None),
        ("IF(zero > 0, errors / zero, 0)", 0),
    ],
)
def test_value(expression: str, expected: float | None):
    assert evaluate(expression, VALUES) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "unknown",
        "ANOMALY_DETECTION_BAND(errors)",
        "errors AND requests",
        "'text'",
        "__import__('os')",
    ],
)
def test_what_is_not_known_is_named(expression: str):
    with pytest.raises(PortableError, match="of an alarm cannot be evaluated here"):
        evaluate(expression, VALUES)
