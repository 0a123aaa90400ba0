"""The routes of the items, and what they need for as long as a target lives."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response

from app.items.failures import Exists, Unavailable
from app.items.item import Item, Page
from app.settings import Settings

if TYPE_CHECKING:
    from app.items.table import Items

Responses = dict[int | str, dict[str, Any]]
logger = logging.getLogger(__name__)
NO_TABLE: Responses = {503: {"description": "The items cannot be reached; try again."}}
NO_ITEM: Responses = {404: {"description": "There is no such item."}}


def items_router(settings: Settings) -> APIRouter:
    """Return the routes; the app that includes them starts and ends the clients, too."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        if not settings.items_table:
            logger.warning("ITEMS_TABLE is not set: /items answers 503.")
            yield {"items": None}
            return
        # Takes a tenth of a second, which who has no table need not pay.
        from app.items.table import opened

        try:
            with opened(settings.items_table, settings.app_secret) as items:
                yield {"items": items}
        except Unavailable as error:
            logger.critical("The app cannot start. %s", error)
            raise

    router = APIRouter(prefix="/items", tags=["items"], lifespan=lifespan, responses=NO_TABLE)

    # `def`, not `async def`: the client waits, so FastAPI runs them in its pool of threads.
    @router.post("", status_code=201, responses={409: {"description": "The id is taken."}})
    def create(item: Item, items: Table, request: Request, response: Response) -> Item:
        try:
            items.create(item)
        except Exists:
            raise HTTPException(409, f"There is an item {item.id!r} already.") from None
        response.headers["location"] = request.url_for("read", id=item.id).path
        return item

    @router.get("")
    def list_items(
        items: Table,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Page:
        try:
            return items.page(limit, cursor)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    @router.get("/{id}", responses=NO_ITEM)
    def read(id: str, items: Table) -> Item:
        if item := items.read(id):
            return item
        raise HTTPException(404, f"There is no item {id!r}.")

    @router.delete("/{id}", status_code=204, responses=NO_ITEM)
    def delete(id: str, items: Table) -> None:
        if not items.delete(id):
            raise HTTPException(404, f"There is no item {id!r}.")

    return router


async def _items(request: Request) -> AsyncIterator["Items"]:
    try:
        if request.state.items is None:
            raise Unavailable("ITEMS_TABLE is not set.")
        yield request.state.items
    except Unavailable as error:
        logger.error("%s", error)
        raise HTTPException(503, "The items cannot be reached.") from None


Table = Annotated["Items", Depends(_items)]
