"""How many requests the target groups had, from CloudWatch."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portable.shift.aws.clients import Clients
from portable.shift.aws.errors import sentences

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MINUTE = timedelta(minutes=1)


def request_counts(
    clients: Clients, listener: str, groups: Mapping[str, str], since: datetime, until: datetime
) -> dict[str, int]:
    """Return the requests of each of `groups`, by its name, in the minutes from `since` to `until`.

    `listener` is the ARN of the listener, `groups` has those of the target groups. A minute that
    began before is left out, as it may have requests from before the weights were in force.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    start = since.replace(second=0, microsecond=0)
    if start < since:
        start += MINUTE
    counts = dict.fromkeys(groups, 0)
    if start >= until:
        return counts
    # arn:...:listener/app/NAME/ID/LISTENER is of the load balancer app/NAME/ID.
    balancer = listener.partition(":listener/")[2].rpartition("/")[0]
    queries: list[MetricDataQueryTypeDef] = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": "RequestCount",
                    "Dimensions": [
                        {"Name": "LoadBalancer", "Value": balancer},
                        {"Name": "TargetGroup", "Value": arn.rpartition(":")[2]},
                    ],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name, arn in groups.items()
    ]
    with sentences(clients.region):
        pages = clients.cloudwatch.get_paginator("get_metric_data")
        for page in pages.paginate(MetricDataQueries=queries, StartTime=start, EndTime=until):
            for result in page["MetricDataResults"]:
                counts[result.get("Id", "")] += round(sum(result.get("Values", [])))
    return counts
