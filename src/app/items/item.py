"""One kind of item, as a client sees it."""

from pydantic import BaseModel, ConfigDict, Field


class Item(BaseModel):
    """One item; its id is the client's, and can be part of a path as it is."""

    # The other engine, in Rust, takes longer to start.
    model_config = ConfigDict(regex_engine="python-re")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)", examples=["a-1"])
    name: str = Field(min_length=1, max_length=200)
    quantity: int = Field(0, ge=0, le=1_000_000)


class Page(BaseModel):
    """Some of the items, in no order; `cursor` leads to the next page, if there is one."""

    items: list[Item]
    cursor: str | None = None
