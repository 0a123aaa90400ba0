"""The model of a month's cost, against arithmetic done by hand."""

from dataclasses import replace

import pytest

from portable.cost.break_even import BreakEven, break_even
from portable.cost.model import (
    Bill,
    FargateSide,
    LambdaSide,
    Model,
    Workload,
    task_rps,
    tiered,
)
from portable.cost.prices import load_prices
from portable.cost.service_size import ALL_SPOT, NO_SPOT, Spot

PRICES = load_prices()
CENT = 0.005
SPLIT_SPOT = Spot(base=1, share=0.5)


def model(ms: float = 40, memory: int = 1024, cpu_ms: float | None = None, **changes) -> Model:
    """The project's manifests: 1 vCPU, 4 GB, two NAT gateways, checks every 35 s."""
    function = LambdaSide(memory, "x86", 35)
    carried = task_rps(1, 70, cpu_ms or function.cpu_ms(ms))
    service = FargateSide(1, 4096, "x86", 2, 10, carried, SPLIT_SPOT, nat_gateways=2)
    built = Model(Workload(ms), function, service, PRICES)
    for name, value in changes.items():
        part = next(
            p for p in ("service", "function", "workload") if hasattr(getattr(built, p), name)
        )
        built = replace(built, **{part: replace(getattr(built, part), **{name: value})})
    return built


def usd(bill: Bill, name: str) -> float:
    return next(line.usd for line in bill.lines if line.name == name)


# A month is 730 h = 2,628,000 s. Two nodes check every 35 s: 2 x 2,628,000 / 35 = 150,171.43
# invocations. ALB: 730 x 0.0225 = 16.425, and two addresses: 2 x 730 x 0.005 = 7.30.
# A task: 730 x (1 x 0.04048 + 4 x 0.004445) = 29.5504 + 12.9794 = 42.5298.
# NAT: 2 x 730 x 0.045 = 65.70, and their two addresses 7.30.


def test_one_request_per_second():
    bill = model().lambda_alone(1)
    # 2,628,000 + 150,171.43 = 2,778,171.43 invocations x 0.20 / million
    assert usd(bill, "Lambda requests") == pytest.approx(0.5556, abs=1e-4)
    # x 0.040 s x 1 GB = 111,126.86 GB-seconds x 0.0000166667
    assert usd(bill, "Lambda duration") == pytest.approx(1.8521, abs=1e-4)
    # 1 / 25 LCU x 730 x 0.008
    assert usd(bill, "ALB usage (LCU)") == pytest.approx(0.2336, abs=1e-4)
    # 0.5556 + 1.8521 + 16.425 + 0.2336 + 7.30
    assert bill.total == pytest.approx(26.3663, abs=CENT)

    bill = model().fargate_alone(1)
    assert bill.tasks == 2
    # the first on demand, the odd one too: 2 x 42.5298
    assert usd(bill, "Fargate tasks") == pytest.approx(85.0596, abs=1e-4)
    # 85.0596 + 65.70 + 7.30 + 16.425 + 0.2336 + 7.30
    assert bill.total == pytest.approx(182.0182, abs=CENT)


def test_twenty_requests_per_second():
    bill = model().lambda_alone(20)
    # 52,560,000 + 150,171.43 = 52,710,171.43 x 0.20 / million
    assert usd(bill, "Lambda requests") == pytest.approx(10.5420, abs=1e-4)
    # x 0.040 x 1 = 2,108,406.86 GB-seconds x 0.0000166667
    assert usd(bill, "Lambda duration") == pytest.approx(35.1402, abs=1e-4)
    # 20 / 25 x 5.84
    assert usd(bill, "ALB usage (LCU)") == pytest.approx(4.672, abs=1e-4)
    # 10.5420 + 35.1402 + 16.425 + 4.672 + 7.30
    assert bill.total == pytest.approx(74.0792, abs=CENT)

    # 40 ms x 1024 / 1769 = 23.154 ms CPU, 700 / 23.154 = 30.23 requests per second a task: 2 tasks
    bill = model().fargate_alone(20)
    assert bill.tasks == 2
    # 85.0596 + 65.70 + 7.30 + 16.425 + 4.672 + 7.30
    assert bill.total == pytest.approx(186.4566, abs=CENT)


def test_five_hundred_requests_per_second():
    bill = model(ms=100, memory=2048).lambda_alone(500)
    # 1,314,000,000 + 150,171.43 = 1,314,150,171.43 x 0.20 / million
    assert usd(bill, "Lambda requests") == pytest.approx(262.8300, abs=1e-4)
    # x 0.100 x 2 = 262,830,034.29 GB-seconds x 0.0000166667
    assert usd(bill, "Lambda duration") == pytest.approx(4380.5093, abs=1e-4)
    # connections 500 / 25 = 20 LCU; bytes 500 x 3600 x 2 kB = 3.6 GB an hour / 0.4 = 9 LCU
    assert usd(bill, "ALB usage (LCU)") == pytest.approx(116.80, abs=1e-4)
    # 262.8300 + 4380.5093 + 16.425 + 116.80 + 7.30
    assert bill.total == pytest.approx(4783.8643, abs=CENT)

    # above 1769 MB a request has one vCPU: 100 ms, 7 requests per second a task, 500 / 7 = 71.4
    bill = model(ms=100, memory=2048).fargate_alone(500)
    assert bill.tasks == 72
    # of 71 after the first 36 on demand and 35 at half the price: (37 + 17.5) x 42.5298
    assert usd(bill, "Fargate tasks") == pytest.approx(2317.8741, abs=1e-3)
    # 2317.8741 + 65.70 + 7.30 + 16.425 + 116.80 + 7.30
    assert bill.total == pytest.approx(2531.3991, abs=CENT)


def test_both_deployed_pay_the_idle_side_too():
    both, alone = model().both(20, 1), model().lambda_alone(20)
    # two tasks, NAT gateways and their addresses: 85.0596 + 65.70 + 7.30
    assert both.total - alone.total == pytest.approx(158.0596, abs=CENT)
    both, alone = model().both(20, 0), model().fargate_alone(20)
    # 150,171.43 health checks: 0.0300 + 150,171.43 x 0.04 x 0.0000166667 = 0.1001
    assert both.total - alone.total == pytest.approx(0.1301, abs=1e-4)


def test_a_split_gives_each_side_its_share():
    half = model().both(200, 0.5)
    assert half.tasks == model().fargate_alone(100).tasks == 4
    assert usd(half, "Lambda requests") == usd(model().lambda_alone(100), "Lambda requests")
    assert usd(half, "Fargate tasks") == usd(model().fargate_alone(100), "Fargate tasks")


def test_duration_is_billed_in_whole_milliseconds():
    assert model(ms=0.2).lambda_alone(1) == model(ms=1).lambda_alone(1)
    assert model(ms=40.1).lambda_alone(1) == model(ms=41).lambda_alone(1)
    assert model(ms=40.1).lambda_alone(1) != model(ms=40).lambda_alone(1)


def test_without_health_checks_there_are_only_requests():
    # 2,628,000 x 0.20 / million
    bill = model(check_interval=None).lambda_alone(1)
    assert usd(bill, "Lambda requests") == pytest.approx(0.5256, abs=1e-4)


def test_a_price_tier_begins_where_the_one_before_ends():
    x86 = PRICES.gb_second("x86")
    # 6 billion x 0.0000166667 = 100,000.20
    assert tiered(6e9, x86) == pytest.approx(100_000.20)
    # + 1 billion x 0.000015 = 15,000
    assert tiered(7e9, x86) == pytest.approx(115_000.20)
    # 100,000.20 + 9 billion x 0.000015 = 135,000, + 1 billion x 0.0000133334 = 13,333.40
    assert tiered(16e9, x86) == pytest.approx(248_333.60)
    # 7.5 billion x 0.0000133334 = 100,000.50, + 0.5 billion x 0.0000120001 = 6,000.05
    assert tiered(8e9, PRICES.gb_second("arm")) == pytest.approx(106_000.55)
    assert tiered(0, x86) == 0


def test_the_bill_uses_the_tiers():
    # 3000 rps x 2,628,000 s x 1 s x 1 GB = 7.884 billion GB-seconds, no health checks:
    # 100,000.20 + 1.884 billion x 0.000015 = 28,260
    bill = model(ms=1000, check_interval=None).lambda_alone(3000)
    assert usd(bill, "Lambda duration") == pytest.approx(128_260.20)


def test_the_free_tier_is_taken_off():
    free = replace(model(), free_tier=True)
    bill = free.lambda_alone(20)
    # 52,710,171.43 - 1,000,000 = 51,710,171.43 x 0.20 / million
    assert usd(bill, "Lambda requests") == pytest.approx(10.3420, abs=1e-4)
    # 2,108,406.86 - 400,000 = 1,708,406.86 x 0.0000166667
    assert usd(bill, "Lambda duration") == pytest.approx(28.4735, abs=1e-4)
    bill = free.lambda_alone(0.1)  # 412,971 invocations, 16,519 GB-seconds
    assert usd(bill, "Lambda requests") == usd(bill, "Lambda duration") == 0


def test_arm_has_prices_of_its_own():
    bill = model(architecture="arm").fargate_alone(1)  # changes the service
    # 2 x 730 x (0.03238 + 4 x 0.00356) = 2 x 34.0326
    assert usd(bill, "Fargate tasks") == pytest.approx(68.0652, abs=1e-4)
    bill = replace(model(), function=LambdaSide(1024, "arm", 35)).lambda_alone(20)
    # 2,108,406.86 x 0.0000133334
    assert usd(bill, "Lambda duration") == pytest.approx(28.1122, abs=1e-4)


@pytest.mark.parametrize(
    ("spot", "on_demand"),
    [
        (SPLIT_SPOT, [0, 1, 2, 2, 3, 3]),
        (NO_SPOT, [0, 1, 2, 3, 4, 5]),
        (ALL_SPOT, [0, 0, 0, 0, 0, 0]),
        (Spot(base=3, share=1), [0, 1, 2, 3, 3, 3]),
        (Spot(base=0, share=2 / 3), [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
    ],
)
def test_tasks_on_demand(spot, on_demand):
    assert [model(spot=spot).on_demand(tasks) for tasks in range(len(on_demand))] == on_demand


def test_tasks_with_public_addresses_have_no_nat_gateway():
    bill = model(nat_gateways=0).fargate_alone(100)
    assert usd(bill, "NAT gateways") == 0
    # 4 tasks x 730 x 0.005
    assert usd(bill, "tasks' IPv4 addresses") == pytest.approx(14.60)


def test_a_task_is_added_only_beyond_what_the_others_carry():
    built = model(task_rps=0.1)
    assert [built.tasks(rps) for rps in (0, 0.2, 0.3, 0.3001, 0.7, 0.71)] == [2, 2, 3, 4, 7, 8]
    # 3 x 0.1 is a little more than 0.3, and still what three tasks carry.
    assert [built.tasks(built.rate(tasks)) for tasks in range(2, 100)] == list(range(2, 100))


def test_a_larger_task_carries_no_more_as_the_server_is_one_process():
    assert task_rps(1, 70, 10) == pytest.approx(70)
    assert task_rps(0.5, 70, 10) == pytest.approx(35)
    assert task_rps(4, 70, 10) == pytest.approx(70)


def test_busy_hours_need_more_tasks_for_a_part_of_the_day():
    # 20 x 24 / 4 = 120 requests per second, 120 / 30.23 = 3.97: 4 tasks for a sixth of the day
    built = model(busy_hours=4, spot=NO_SPOT)
    bill = built.fargate_alone(20)
    assert bill.tasks == 4
    # (4 / 6 + 2 x 5 / 6) x 42.5298
    assert usd(bill, "Fargate tasks") == pytest.approx(99.2362, abs=1e-4)
    assert built.lambda_alone(20) == model().lambda_alone(20)
    # (4 / 6 + 2 x 5 / 6) x 730 x 0.005
    bill = model(busy_hours=4, nat_gateways=0).fargate_alone(20)
    assert usd(bill, "tasks' IPv4 addresses") == pytest.approx(8.5167, abs=1e-4)


def test_large_responses_are_billed_higher_in_front_of_lambda():
    # 20 x 3600 x 50 kB = 3.6 GB an hour: / 0.4 = 9 LCU, / 1 = 3.6 LCU; an LCU is 5.84 a month
    built = model(kilobytes=50)
    assert usd(built.lambda_alone(20), "ALB usage (LCU)") == pytest.approx(9 * 5.84)
    assert usd(built.fargate_alone(20), "ALB usage (LCU)") == pytest.approx(3.6 * 5.84)
    assert usd(built.both(20, 0.5), "ALB usage (LCU)") == pytest.approx(6.3 * 5.84)


def less(built: Model, rps: float) -> bool:
    """Whether Fargate alone is the cheaper one."""
    return built.fargate_alone(rps).total < built.lambda_alone(rps).total


def test_break_even_without_steps():
    # 5 ms CPU: a task carries 140 requests per second, so two tasks at the break-even. Fargate
    # has 158.0596 on top of what both have, less 0.1301 for the health checks: 157.9295. Lambda
    # has 2,628,000 x (0.20 / million + 0.04 x 0.0000166667) = 2.27760 per request per second.
    built = model(cpu_ms=5)
    even = break_even(built)
    assert even.first == even.last == pytest.approx(157.9295 / 2.2776, abs=0.01)
    assert not less(built, even.last - 0.001)
    assert less(built, even.last + 0.001)


@pytest.mark.parametrize(
    "built",
    [
        model(),
        model(cpu_ms=5),
        model(ms=100, memory=2048),
        model(spot=NO_SPOT),
        model(busy_hours=8),
        model(nat_gateways=0),
        model(kilobytes=50),
        replace(model(), free_tier=True),
    ],
)
def test_break_even_is_where_the_sides_cross_for_good(built):
    even = break_even(built)
    assert even.last is not None
    assert even.first <= even.last
    step = even.last * 1e-6
    assert not less(built, even.last - step)
    assert not less(built, even.first * (1 - 1e-6))
    assert less(built, even.first * (1 + 1e-6))
    # From there on and up to there, at many rates: nothing was missed.
    rates = [even.limit * i / 3000 for i in range(3001)]
    beyond = [rate for rate in rates if rate > even.last]
    assert all(less(built, rate) for rate in beyond)
    assert len(beyond) > 1000
    assert not any(less(built, even.first * i / 1000) for i in range(1000))


def test_steps_make_a_first_and_a_last_break_even():
    even = break_even(model())
    # 2.2776 per request per second, 157.9295 for two tasks and 21.2649 (on Spot) for the third:
    # 179.1944 / 2.2776 = 78.68, in the range of three tasks, 60.5 to 90.7. The fourth, on demand,
    # makes it 221.7242 / 2.2776 = 97.35, in the range of four, 90.7 to 120.9.
    assert even.first == pytest.approx(78.68, abs=0.01)
    assert even.last == pytest.approx(97.35, abs=0.01)
    assert less(model(), 85)
    assert not less(model(), 91)


def test_no_break_even_when_a_task_carries_too_little():
    # A task, 21.27 at least, carries 1 request per second, which is 2.28 on Lambda.
    built = model(task_rps=1)
    assert break_even(built) == BreakEven(None, None, 1000)
    assert not less(built, 1000)


def test_a_break_even_that_does_not_last():
    # Beyond 200 million GB-seconds Lambda has only its price per request, 0.53 per request per
    # second; a task of 7 requests per second is 21.26 on Spot.
    tiers = {**PRICES.tiers, "lambda_gb_second_x86": ((0, 1e-5), (2e8, 0))}
    built = model(ms=1000, task_rps=7, spot=ALL_SPOT)
    built = replace(built, prices=replace(PRICES, tiers=tiers))
    even = break_even(built)
    assert (even.last, even.limit) == (None, 7000)
    assert not less(built, even.first * (1 - 1e-6))
    assert less(built, even.first * (1 + 1e-6))
    assert not less(built, even.limit)


def test_fargate_is_always_cheaper_when_it_costs_nothing():
    entries = dict(PRICES.entries)
    for name in ("fargate_vcpu_hour_x86", "fargate_gb_hour_x86", "nat_hour", "ipv4_hour"):
        entries[name] = replace(entries[name], value=0.0)
    even = break_even(replace(model(), prices=replace(PRICES, entries=entries)))
    assert (even.first, even.last) == (0, 0)
