"""What `portable split` counts, and what it calls a misfit."""

import random
from collections import Counter

import pytest

from portable.split.verdict import Answer, Split, Tally, named_side, wilson
from portable.weights import Weights


def tally(on_lambda: int, on_fargate: int, **others: int) -> Tally:
    made = Tally()
    for side, number in (("lambda", on_lambda), ("fargate", on_fargate)):
        for _ in range(number):
            made.add(Answer(side, 200, 0.01))
    made.unknown = Counter({404: others.get("unknown", 0)})
    made.nobody = Counter({502: others.get("nobody", 0)})
    made.failures = Counter({"timeout": others.get("failures", 0)})
    return made


def verdict(weights: tuple[int, int], counts: Tally, confidence: float = 0.99) -> str:
    return Split(Weights(*weights), counts, confidence).verdict.kind


# The examples of R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("count", "number", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(count: int, number: int, low: float, high: float) -> None:
    assert wilson(count, number, 0.95) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(number - count, number, 0.95)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_one_in_a_hundred_good_splits_is_called_a_misfit() -> None:
    source = random.Random(1)
    misfits = 0
    for _ in range(2000):
        count = sum(source.random() < 0.9 for _ in range(200))
        low, high = wilson(count, 200, 0.99)
        misfits += not low <= 0.9 <= high
    assert 5 <= misfits <= 40


@pytest.mark.parametrize(
    ("weights", "on_lambda", "on_fargate", "expected"),
    [
        ((50, 50), 100, 100, "fits"),
        ((50, 50), 118, 82, "fits"),
        ((50, 50), 119, 81, "does not fit"),  # 50% is 2.69 standard deviations away, of 2.58
        ((50, 50), 160, 40, "does not fit"),
        ((1, 3), 50, 150, "fits"),
        ((3, 1), 50, 150, "does not fit"),
        ((999, 1), 200, 0, "fits"),
        ((999, 1), 190, 10, "does not fit"),
        ((0, 1), 0, 1, "fits"),
        ((0, 1), 1, 100_000, "does not fit"),
        ((5, 0), 100_000, 1, "does not fit"),
        ((50, 50), 0, 0, "cannot be proved"),
    ],
)
def test_shares(weights: tuple[int, int], on_lambda: int, on_fargate: int, expected: str) -> None:
    assert verdict(weights, tally(on_lambda, on_fargate)) == expected


@pytest.mark.parametrize("confidence", [0.9, 0.99, 0.99999])
def test_more_confidence_is_a_wider_interval(confidence: float) -> None:
    assert verdict((50, 50), tally(115, 85), confidence) == (
        "does not fit" if confidence == 0.9 else "fits"
    )


@pytest.mark.parametrize("kind", ["unknown", "nobody", "failures"])
def test_requests_that_went_nobody_knows_where_leave_the_split_unproved(kind: str) -> None:
    assert verdict((50, 50), tally(100, 100, **{kind: 1})) == "cannot be proved"
    # All of Lambda's answers may be among them, as when the function is broken ...
    assert verdict((50, 50), tally(0, 100, **{kind: 100})) == "cannot be proved"
    # ... but even if these were all Lambda's, it would have had too few.
    assert verdict((50, 50), tally(0, 100, **{kind: 10})) == "does not fit"
    assert verdict((0, 50), tally(1, 100, **{kind: 10})) == "does not fit"


def test_errors_of_a_known_side_belong_to_its_share_and_fail_the_split() -> None:
    counts = tally(99, 100)
    counts.add(Answer("lambda", 500, 0.1))
    result = Split(Weights(50, 50), counts, 0.99)
    assert result.share("lambda") == 0.5
    assert result.verdict.kind == "errors"
    sentence = "The shares fit the weights, but lambda answered 1 request with a 5xx."
    assert result.verdict.sentence == sentence


def test_weights_that_changed_meanwhile_leave_the_split_unproved() -> None:
    result = Split(Weights(50, 50), tally(160, 40), 0.99, Weights(90, 10)).verdict
    assert result.kind == "cannot be proved"
    assert "from lambda 50, fargate 50 to lambda 90, fargate 10." in result.sentence


def test_quantiles_are_of_all_latencies() -> None:
    counts = Tally()
    for number in random.Random(1).sample(range(1000), 1000):
        counts.add(Answer("lambda", 200, number / 1000))
    assert counts.sides["lambda"].quantiles(0, 0.5, 0.95, 0.99, 1) == [0, 0.5, 0.95, 0.99, 0.999]
    assert counts.sides["fargate"].quantiles(0.5) == [None]


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ('"Hello from lambda"', "lambda"),
        ("Hello from ECS", "fargate"),
        ("AWS_ECS_FARGATE", "fargate"),
        ("AWS_Lambda_python3.12", "lambda"),
        ("arn:aws:lambda:us-east-1:1:function:x", "lambda"),
        ("the specs of lambdas", None),
        ("from lambda to fargate", None),
        ("", None),
    ],
)
def test_a_side_is_named_by_a_whole_word(text: str, side: str | None) -> None:
    assert named_side(text) == side
