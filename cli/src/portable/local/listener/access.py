"""The access log of the listener."""

from dataclasses import dataclass

from portable.local.listener.reasons import Reason


@dataclass(frozen=True)
class Access:
    """One line of it: one request."""

    client: str
    method: str
    path: str
    status: int
    group: str  # name of the target group, "-" where the listener answered
    target: str
    seconds: float
    reason: Reason | None = None  # why the load balancer itself answered
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason in words, "" where a target answered."""
        return self.reason.text(self.detail) if self.reason else ""
