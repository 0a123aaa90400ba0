"""ASGI apps of other makes, to compare both targets with; see `test_parity.py`.

`wsgi` is httpbin, a Flask app that its makers ship, behind a2wsgi. The other two are made of the
parts that their frameworks bring along: what answers is Starlette's and Litestar's code.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import litestar
from a2wsgi import WSGIMiddleware
from httpbin import app as httpbin
from litestar import Litestar, MediaType, Response, get, post
from litestar.config.compression import CompressionConfig
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException
from litestar.response import File, Redirect, Stream
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.responses import Response as StarletteResponse
from starlette.routing import Mount, Route
from starlette.schemas import SchemaGenerator
from starlette.staticfiles import StaticFiles

wsgi = WSGIMiddleware(httpbin)


# Starlette: routes, an endpoint class, static files, compression, a schema from docstrings.
class Items(HTTPEndpoint):
    async def get(self, request: Request) -> StarletteResponse:
        """
        parameters:
          - {name: q, in: query, schema: {type: string}}
          - {name: x-token, in: header, schema: {type: string}}
        responses: {200: {description: what was sent}}
        """
        token = request.headers.get("x-token")
        return JSONResponse({"url": str(request.url), "token": token, "cookies": request.cookies})

    async def post(self, request: Request) -> StarletteResponse:
        """
        requestBody: {content: {application/octet-stream: {schema: {type: string, format: binary}}}}
        responses: {200: {description: the body}}
        """
        return StarletteResponse(await request.body(), media_type="application/octet-stream")


async def item(request: Request) -> StarletteResponse:
    """
    parameters:
      - {name: name, in: path, required: true, schema: {type: string, minLength: 1}}
    responses: {200: {description: the name}}
    """
    return PlainTextResponse(request.path_params["name"])


async def number(request: Request) -> StarletteResponse:
    """
    parameters:
      - name: number
        in: path
        required: true
        schema: {type: integer, minimum: 400, maximum: 599}
    responses: {default: {description: this status}}
    """
    raise HTTPException(request.path_params["number"], headers={"x-status": "raised"})


async def stream(request: Request) -> StarletteResponse:
    """
    responses: {200: {description: three pieces}}
    """

    async def pieces() -> AsyncIterator[str]:
        for piece in ("one", "two", "three"):
            yield piece

    return StreamingResponse(pieces(), media_type="text/plain")


async def cookies(request: Request) -> StarletteResponse:
    """
    responses: {302: {description: two cookies and a redirect}}
    """
    response = RedirectResponse("/items?q=a b")
    response.set_cookie("first", "1", secure=True)
    response.set_cookie("second", "2", httponly=True)
    return response


async def fail(request: Request) -> StarletteResponse:
    """
    responses: {500: {description: always}}
    """
    raise RuntimeError("as it should")


def schema(request: Request) -> StarletteResponse:
    return SchemaGenerator(
        {"openapi": "3.0.0", "info": {"title": "sample", "version": "1"}}
    ).OpenAPIResponse(request)


starlette = Starlette(
    routes=[
        Route("/schema", schema, include_in_schema=False),
        Route("/items", Items),
        Route("/items/{name}", item),
        Route("/status/{number:int}", number),
        Route("/stream", stream),
        Route("/cookies", cookies),
        Route("/fail", fail),
        Mount("/static", StaticFiles(packages=[("starlette", ".")])),
    ],
    middleware=[Middleware(GZipMiddleware, minimum_size=500)],
)


# Litestar: typed handlers, its schema and the pages that show it, errors, files, compression.
@dataclass
class Book:
    title: str
    pages: int
    tags: list[str]


@get("/books/{number:int}")
async def book(number: int, language: str = "en") -> Book:
    if number > 1000:
        raise NotFoundException(f"no book {number} in {language}")
    return Book(f"Book {number} ({language})", number, ["é", "ü"])


@post("/books")
async def add_book(data: Book) -> Book:
    return data


@get("/packed", media_type=MediaType.MESSAGEPACK)
async def packed() -> dict[str, int]:
    return {"answer": 42}


@get("/file")
async def file() -> File:
    return File(path=Path(litestar.__file__), filename="sample.py")


@get("/pieces")
async def pieces() -> Stream:
    return Stream(iter(["one", "two"]))


@get("/moved")
async def moved() -> Redirect:
    return Redirect("/books/1", cookies=[Cookie("a", "1"), Cookie("b", "2")])


@get("/long", headers={"x-limit": str(10_000)})
async def long() -> Response[str]:
    return Response("x" * 10_000, media_type="text/plain; charset=utf-8")


litestar_app = Litestar(
    [book, add_book, packed, file, pieces, moved, long],
    compression_config=CompressionConfig(backend="gzip"),
)
