"""The items, each test on both sides, which share one table."""

import httpx
import pytest


@pytest.fixture
def item(client, target):
    """An item of this side; it is deleted at the end."""
    given = {"id": f"item-of-{target}", "name": "A lamp", "quantity": 3}
    answer = client.post("/items", json=given)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/items/{given['id']}"
    yield given
    client.delete(f"/items/{given['id']}")


def test_a_created_item_is_read_and_listed(client, item):
    assert client.get(f"/items/{item['id']}").json() == item
    assert item in client.get("/items?limit=100").json()["items"]


def test_an_id_is_taken_once(client, item):
    again = client.post("/items", json=item | {"name": "Another lamp"})
    assert again.status_code == 409
    assert client.get(f"/items/{item['id']}").json() == item


def test_a_deleted_item_is_gone(client, item):
    path = f"/items/{item['id']}"
    statuses = [client.delete(path).status_code, client.delete(path).status_code]
    assert [*statuses, client.get(path).status_code] == [204, 404, 404]


def test_pages_have_each_item_once(client, target):
    ids = {f"page-{target}-{number}" for number in range(5)}
    for id in ids:
        assert client.post("/items", json={"id": id, "name": "A page"}).status_code == 201
    found, cursor = [], None
    while found == [] or cursor:
        page = client.get("/items", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["cursor"]
    assert ids <= set(found)
    assert len(found) == len(set(found))
    for id in ids:
        client.delete(f"/items/{id}")


@pytest.mark.parametrize(
    "item",
    [{}, {"id": "a/b", "name": "x"}, {"id": "a\n", "name": "x"}, {"id": "a", "name": ""}],
)
def test_what_is_no_item_is_refused(client, item):
    assert client.post("/items", json=item).status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=made-up", "cursor=%00"])
def test_a_page_that_does_not_exist_is_refused(client, query):
    assert client.get(f"/items?{query}").status_code == 422


def test_what_one_side_writes_the_other_reads(portable_ports):
    lambda_, fargate = (f"http://127.0.0.1:{portable_ports[s]}" for s in ("lambda", "fargate"))
    for one, other in ((lambda_, fargate), (fargate, lambda_)):
        item = {"id": "shared", "name": "A lamp", "quantity": 1}
        more = item | {"id": "shared-too"}
        assert httpx.post(f"{one}/items", json=item).status_code == 201
        assert httpx.post(f"{other}/items", json=item).status_code == 409
        assert httpx.post(f"{other}/items", json=more).status_code == 201
        assert httpx.get(f"{other}/items/shared").json() == item
        # The cursor of one side is the other's, too: both sign with the same secret.
        cursor = httpx.get(f"{one}/items?limit=1").json()["cursor"]
        assert httpx.get(f"{other}/items", params={"cursor": cursor}).status_code == 200
        assert httpx.delete(f"{other}/items/shared").status_code == 204
        assert httpx.delete(f"{one}/items/shared-too").status_code == 204
