"""The account that the tools would deploy to: its clients, its region, its identity."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from portable.errors import PortableError
from portable.shift.aws.clients import CONFIG
from portable.shift.aws.errors import no_session, sentences


@dataclass(frozen=True)
class Account:
    """The account of the credentials in use, in `region`."""

    region: str
    session: boto3.Session

    @cached_property
    def identity(self) -> tuple[str, str]:
        """The account's number and the ARN of the caller."""
        answer = self.ask("sts", "get_caller_identity")
        return answer["Account"], answer["Arn"]

    def ask(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return an answer; raise `PortableError` for one that says no."""
        answer: dict[str, Any]
        with sentences(self.region):
            answer = getattr(self._client(service), operation)(**parameters)
        return answer

    def find(
        self, missing: str, service: str, operation: str, **parameters: Any
    ) -> dict[str, Any] | None:
        """Return an answer, None where the error's code is `missing`."""
        try:
            with sentences(self.region):
                answer: dict[str, Any] = _unless(
                    missing, getattr(self._client(service), operation), parameters
                )
        except _Missing:
            return None
        return answer

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Return the items at `key` of all pages."""
        with sentences(self.region):
            pages = self._client(service).get_paginator(operation).paginate(**parameters)
            return [item for page in pages for item in page.get(key, [])]

    def wait(self, service: str, waiter: str, **parameters: Any) -> None:
        """Wait for up to an hour; raise `PortableError` if what is waited for has failed."""
        config = {"Delay": 5, "MaxAttempts": 720}
        with sentences(self.region):
            waiting = self._client(service).get_waiter(waiter)
            try:
                waiting.wait(**parameters, WaiterConfig=config)
            except WaiterError as error:
                names = ", ".join(map(str, parameters.values()))
                raise PortableError(f"{names}: {error}.") from None

    def _client(self, service: str) -> Any:
        make: Any = self.session.client
        return make(service, config=CONFIG)


class _Missing(Exception):
    """What was asked for is not there."""


def _unless(missing: str, call: Any, parameters: dict[str, Any]) -> Any:
    try:
        return call(**parameters)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == missing:
            raise _Missing from None
        raise


def account(region: str | None = None, profile: str | None = None) -> Account:
    """Return the account of `profile`, by default of the shell's credentials, in `region`.

    Raises `PortableError` without a region, and for a profile that is not there.
    """
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise PortableError(no_session(error)) from None
    if session.region_name is None:
        other = os.environ.get("AWS_REGION")
        seen = f" AWS_REGION is {other!r}, but `sam` does not read it." if other else ""
        raise PortableError(
            f"no region is set: set AWS_DEFAULT_REGION, or the region of the profile.{seen}"
        )
    return Account(session.region_name, session)
