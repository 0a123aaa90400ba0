"""Answers that are made to fail."""

import asyncio
import random

import pytest

from portable.local.listener.messages import Request, Response, whole_body
from portable.local.operate.faults import FaultyTargetGroup


class Group:
    name = "fargate"
    closed = False

    async def send(self, request: Request) -> Response:
        return Response(200, [], whole_body(b"ok"), "task-1")

    async def aclose(self) -> None:
        self.closed = True


def statuses(faulty: FaultyTargetGroup, number: int) -> list[tuple[int, str]]:
    async def main() -> list[tuple[int, str]]:
        found = []
        for _ in range(number):
            request = Request(b"POST", b"/", [], ("::1", 1), body=whole_body(b"x"), has_body=True)
            response = await faulty.send(request)
            found.append((response.status, response.target))
        return found

    return asyncio.run(main())


@pytest.mark.parametrize(("percent", "expected"), [(0, 0), (100, 200), (30, 60)])
def test_a_share_of_the_answers_is_a_500(percent: float, expected: int):
    faulty = FaultyTargetGroup(Group(), random.Random(1))
    faulty.percent = percent
    found = statuses(faulty, 200)
    failed = found.count((500, "fault"))
    assert failed + found.count((200, "task-1")) == 200
    assert abs(failed - expected) <= (0 if percent in (0, 100) else 30)


def test_it_is_the_group_in_all_else():
    group = Group()
    faulty = FaultyTargetGroup(group)
    assert faulty.name == "fargate"
    asyncio.run(faulty.aclose())
    assert group.closed
