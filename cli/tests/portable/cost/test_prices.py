"""prices.toml, and a file of the user's over it."""

import re
import tomllib
from importlib.resources import files

import pytest

from portable.cost.prices import load_prices
from portable.errors import PortableError

HEADER = ("region", "date", "hours_per_month")


def test_each_price_has_a_unit_a_source_and_a_grade():
    data = tomllib.loads(files("portable.cost").joinpath("prices.toml").read_text())
    assert (data["region"], data["hours_per_month"]) == ("us-east-1", 730)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data["date"].isoformat())
    entries = {name: entry for name, entry in data.items() if name not in HEADER}
    assert len(entries) == 16
    for name, entry in entries.items():
        assert set(entry) == {"value", "unit", "source", "grade"}, name
        assert entry["source"].startswith("https://aws.amazon.com/"), name
        assert entry["grade"] in ("confirmed", "estimate"), name


def test_the_numbers_of_the_readme(root):
    readme = " ".join((root / "README.md").read_text().split())
    prices = load_prices()
    task = prices.per_month("fargate_vcpu_hour_x86") + 4 * prices.per_month("fargate_gb_hour_x86")
    for text, usd in {
        "two NAT gateways at about $33 a month each": prices.per_month("nat_hour"),
        "plus $0.045 per GB": prices["nat_gb"],
        "the ALB at about $16": prices.per_month("alb_hour"),
        "1 vCPU and 4 GB at about $43 each": task,
        "each public IPv4 address at about $3.65": prices.per_month("ipv4_hour"),
    }.items():
        assert text in readme
        number = re.search(r"\$([\d.]+)", text).group(1)
        decimals = len(number.partition(".")[2])
        assert round(usd, decimals) == float(number), text


def test_a_partial_file_replaces_only_what_it_has(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(
        'region = "eu-central-1"\n[fargate_vcpu_hour_x86]\nvalue = 0.05\n'
        "[lambda_gb_second_x86]\nvalue = [[0, 0.00002], [100, 0.00001]]\n"
    )
    prices, base = load_prices(path), load_prices()
    assert prices.region == "eu-central-1"
    assert prices["fargate_vcpu_hour_x86"] == 0.05
    assert prices.gb_second("x86") == ((0, 0.00002), (100, 0.00001))
    assert prices.given == ("fargate_vcpu_hour_x86", "lambda_gb_second_x86")
    entry = prices.entries["fargate_vcpu_hour_x86"]
    assert (entry.source, entry.grade) == (str(path), "given")
    assert prices["fargate_gb_hour_x86"] == base["fargate_gb_hour_x86"]
    assert prices.gb_second("arm") == base.gb_second("arm")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[alb]\nvalue = 1", "there is no price 'alb', expected one of region, date, "),
        ("[alb_hour]\nvalue = -1", "alb_hour.value is -1, expected a number from 0 to 1000000000."),
        ("[alb_hour]\nvalue = '1'", "alb_hour.value is '1', expected a number"),
        ("[alb_hour]\nvalue = true", "alb_hour.value is True, expected a number"),
        ("[alb_hour]\nvalue = nan", "alb_hour.value is nan, expected a number"),
        ("[alb_hour]\nvalue = 1e300", "alb_hour.value is 1e+300, expected a number"),
        ("[alb_hour]\nusd = 1", "alb_hour has no value, expected a table [alb_hour] with "),
        ("alb_hour = 1", "alb_hour has no value, expected a table [alb_hour] with "),
        (
            "[alb_hour]\nvalue = 1\nurl = ''",
            "there is no key 'url' in alb_hour, expected one of value, unit, source, grade.",
        ),
        ("[alb_hour]\nvalue = 1\nunit = 2", "alb_hour.unit is 2, expected a text."),
        ("[fargate_spot_share]\nvalue = 1.5", "value is 1.5, expected a number from 0 to 1."),
        ("[lambda_gb_second_arm]\nvalue = 1", "is 1, expected rows of [from GB-seconds, "),
        ("[lambda_gb_second_arm]\nvalue = []", "is [], expected rows of"),
        ("[lambda_gb_second_arm]\nvalue = [[1, 2]]", "is [[1, 2]], expected rows of"),
        ("[lambda_gb_second_arm]\nvalue = [[0, 2], [0, 1]]", "rising, the first from 0."),
        ("[lambda_gb_second_arm]\nvalue = [[0, -2]]", "expected rows of"),
        ("[lambda_gb_second_arm]\nvalue = [[0, 1e300]]", "expected rows of"),
        ("[lambda_gb_second_arm]\nvalue = [[0]]", "expected rows of"),
        ("region = 1", "region is 1, expected a text."),
        ("date = '2026'", "date is '2026', expected a date, as in 2026-06-17."),
        ("hours_per_month = 0", "hours_per_month is 0, expected a number above 0 and up to 744."),
        ("[alb_hour", "is not TOML: "),
    ],
)
def test_refusals(tmp_path, text, expected):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PortableError) as error:
        load_prices(path)
    message = error.value.format_message()
    assert expected in message
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PortableError, match=r"cannot read .*none.toml: No such file or directory."):
        load_prices(tmp_path / "none.toml")
