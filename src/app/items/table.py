"""The items in the table: a write is one request with a condition, so it is done or it is not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from app.items import aws
from app.items.cursor import Cursors
from app.items.failures import Exists
from app.items.item import Item, Page
from app.items.secret import read_secret


class Items:
    """The items of the table `name`, through a DynamoDB client.

    Each method raises `Unavailable` where the table does not answer.
    """

    def __init__(self, client: Any, name: str, cursors: Cursors) -> None:
        self._client = client
        self._name = name
        self._cursors = cursors

    def create(self, item: Item) -> None:
        """Add `item`; raise `Exists`."""
        # The client asks again where an answer is late, and may then meet its own write.
        mark = {"S": str(uuid4())}
        try:
            self._ask(
                self._client.put_item,
                Item={**_record(item), "mark": mark},
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            found: Any = error.response.get("Item", {})
            if found.get("mark") != mark:
                raise Exists from None

    def read(self, id: str) -> Item | None:
        """Return the item, as the last write left it on whichever side."""
        found = self._ask(self._client.get_item, Key=_key(id), ConsistentRead=True)
        return _item(found["Item"]) if "Item" in found else None

    def delete(self, id: str) -> bool:
        """Delete the item; return whether there was one."""
        condition = "attribute_exists(id)"
        try:
            self._ask(self._client.delete_item, Key=_key(id), ConditionExpression=condition)
        except ClientError:
            return False
        return True

    def page(self, limit: int, cursor: str | None) -> Page:
        """Return up to `limit` items from `cursor` on; raise `ValueError` for a wrong cursor."""
        start = {"ExclusiveStartKey": _key(self._cursors.read(cursor))} if cursor else {}
        found = self._ask(self._client.scan, Limit=limit, ConsistentRead=True, **start)
        last = found.get("LastEvaluatedKey")
        return Page(
            items=[_item(record) for record in found["Items"]],
            cursor=self._cursors.write(last["id"]["S"]) if last else None,
        )

    def _ask(self, call: Any, **arguments: Any) -> Any:
        return aws.ask(f"The table {self._name}", call, TableName=self._name, **arguments)


@contextmanager
def opened(table: str, secret: str) -> Iterator[Items]:
    """Yield the items of `table`; raise `Unavailable` where the secret cannot be read.

    The table is not asked for anything here: a target whose table is gone starts, and serves what
    needs none.
    """
    with closing(aws.client("secretsmanager")) as secrets:
        found = read_secret(secrets, secret)
    with closing(aws.client("dynamodb")) as client:
        yield Items(client, table, Cursors(found.cursor_key))


def _key(id: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": id}}


def _record(item: Item) -> dict[str, dict[str, str]]:
    return {**_key(item.id), "name": {"S": item.name}, "quantity": {"N": str(item.quantity)}}


def _item(record: dict[str, dict[str, str]]) -> Item:
    quantity = int(record["quantity"]["N"])
    return Item(id=record["id"]["S"], name=record["name"]["S"], quantity=quantity)
