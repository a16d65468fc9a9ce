"""The page and its headers: its own files alone, nothing inline, nothing of others."""

import re

import pytest

from services.console import page

FILES = sorted(path.name for path in page.FOLDER.iterdir())


def policy(answer):
    rows = (row.strip().split(" ") for row in answer.headers["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in rows}


def test_anybody_may_have_the_page_which_holds_no_data(world):
    answer = world.client.get("/")
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    for name in FILES:
        if name != "index.html":
            assert world.client.get(f"/page/{name}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/page/", "/page/main.py", "/page/..%2fmain.py", "/page/../main.py", "/page/index.html", "/main.py"]
)
def test_nothing_else_is_served(world, path):
    assert world.client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/v1/session", "/v1/nowhere"])
def test_every_answer_forbids_what_the_page_does_not_need(world, path):
    answer = world.client.get(path)
    rules = policy(answer)
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == ["'self'"]
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_figures_are_kept_by_no_cache_and_files_are_asked_for_anew(world):
    world.sign_in()
    assert world.client.get("/v1/cities").headers["Cache-Control"] == "no-store"
    answer = world.client.get("/page/app.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = world.client.get("/page/app.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_with_tls_browsers_are_told_to_stay_with_it(make, world):
    assert "Strict-Transport-Security" in make().client.get("/").headers
    assert "Strict-Transport-Security" not in world.client.get("/").headers


@pytest.mark.parametrize("name", FILES)
def test_no_file_asks_for_what_the_policy_forbids(name):
    text = (page.FOLDER / name).read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), "nothing of others"
    if name.endswith(".html"):
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)
    if name.endswith(".js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|localStorage|sessionStorage", text
        )


def test_what_the_page_names_is_there():
    html = (page.FOLDER / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="/page/([^"]+)"', html))
    for script in page.FOLDER.glob("*.js"):
        named |= set(re.findall(r'from "\./([^"]+)"', script.read_text()))
    assert named == set(FILES) - {"index.html"}
    ids = set(re.findall(r'\sid="([^"]+)"', html))
    asked = set(re.findall(r'by\("([^"]+)"\)', (page.FOLDER / "app.js").read_text()))
    assert asked <= ids
    assert set(re.findall(r'(?:for|aria-labelledby|aria-describedby)="([^"]+)"', html)) <= {*ids, "map-how map-cell"}
