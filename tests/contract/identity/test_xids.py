"""XIDs over HTTP. Source: identity contract, 3 and 8.2."""

from __future__ import annotations

import pytest

from onefold.testing.app import App

URL = "/data/core/identity/identity"
ECID = "12507560687324495704459439363261812234"
XID = "A28iM3aJBJRbEQpOnUh5HOM9"


@pytest.mark.parametrize(
    "query",
    [
        f"namespace=ECID&id={ECID}",
        f"namespace=ecid&id={ECID}",
        f"nsid=4&id={ECID}",
        f"nsId=4&id={ECID}&unknown=1",
        f"namespace=ecid&nsid=6&id={ECID}",
    ],
)
def test_xid_of_a_published_identity(shared: App, query: str) -> None:
    for url in (f"{URL}?{query}", f"{URL}/?{query}"):
        answer = shared.get(url, x_uis_cst_ctx="stub")
        assert (answer.status_code, answer.json()) == (200, {"xid": XID})
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("query", "missing"),
    [("id=1", "namespace"), ("namespace=ecid", "id"), ("nsid=4&id=", "id"), ("", "namespace")],
)
def test_missing_parameters_are_named(shared: App, query: str, missing: str) -> None:
    answer = shared.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert answer.json() == {
        "title": "InvalidInput",
        "status": 400,
        "detail": f"Missing required query parameter - {missing}",
    }


@pytest.mark.parametrize(
    ("namespace", "id_"),
    [
        ("namespace=shoesize", "44"),
        ("nsid=5", "1"),
        ("nsid=x", "1"),
        ("nsid=%C2%B2", "1"),
        ("nsid=" + "9" * 5000, "1"),
        ("namespace=email", "x" * 1025),
    ],
)
def test_what_names_no_identity_is_a_400(shared: App, namespace: str, id_: str) -> None:
    answer = shared.get(f"{URL}?{namespace}&id={id_}")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["title"], body["status"]) == ("InvalidInput", 400)
    assert body["detail"].startswith("The provided namespace=")
    assert f" and id={id_} is invalid." in body["detail"]


def test_gateway_comes_first(shared: App) -> None:
    assert shared.get(URL, authorization=None).json()["error_code"] == "403010"
