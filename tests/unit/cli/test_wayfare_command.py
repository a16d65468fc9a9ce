"""The command line: help everywhere, usage errors are 2, failures 1, tokens alone on standard output."""

from __future__ import annotations

import importlib
import json

import httpx
import pytest
from click.testing import CliRunner

from local import keys, ports
from local.layout import Layout
from local.stack import port_names
from wayfare.cli import console
from wayfare.cli.main import group, main
from wayfare.cli.quote import money


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder that was set up, with nothing running."""
    folder = tmp_path / "state"
    monkeypatch.setenv("WAYFARE_STATE", str(folder))
    layout = Layout(folder)
    layout.make()
    keys.make_development(layout.keys)
    return folder


def run(*arguments):
    return CliRunner().invoke(group, arguments)


def test_every_noun_has_help_that_says_what_it_does():
    nouns = group.list_commands(None)
    assert {"up", "down", "status", "token", "quote"} <= set(nouns)
    for noun in nouns:
        answer = run(noun, "--help")
        assert answer.exit_code == 0, noun
        assert "Usage:" in answer.output
    listing = run("--help")
    assert listing.exit_code == 0
    assert all(noun in listing.output for noun in nouns)


def test_a_command_whose_library_was_left_out_is_not_listed_and_says_which_one(monkeypatch):
    importing = importlib.import_module

    def without_arrow(name):
        if name == "wayfare.cli.demo":
            raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
        return importing(name)

    monkeypatch.setattr(importlib, "import_module", without_arrow)
    listing = run("--help")
    assert listing.exit_code == 0
    assert "demo" not in listing.output.split("Commands:")[1].split()
    answer = run("demo", "--help")
    assert answer.exit_code == 2
    assert "leaves out: pyarrow" in answer.output


def test_a_command_that_misses_a_part_of_wayfare_itself_is_a_defect_and_shows(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'wayfare.cli.gone'", name="wayfare.cli.gone")

    monkeypatch.setattr(importlib, "import_module", broken)
    assert isinstance(run("demo", "--help").exception, ModuleNotFoundError)


def test_an_unknown_noun_is_wrong_usage():
    assert run("fly").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "--role", "king", "--subject", "r-1"),
        ("token", "--role", "rider", "--subject", "no spaces"),
        ("token", "--role", "rider"),
        ("up", "--only", "nonsense"),
        ("up", "--only", ""),
        ("up", "--only", "redis", "--no-services"),
        ("quote", "--from", "37.7", "--to", "37.7,-122.4"),
        ("quote", "--from", "91,0", "--to", "37.7,-122.4"),
    ],
)
def test_wrong_usage_is_exit_status_2(state, arguments):
    assert run(*arguments).exit_code == 2


def test_a_token_is_printed_alone(state):
    answer = run("token", "--role", "driver", "--subject", "d-7", "--city", "sim")
    assert answer.exit_code == 0
    assert answer.output.count(".") == 2
    assert answer.output == answer.output.strip() + "\n"


def test_a_failure_is_one_line_and_exit_status_1(state, monkeypatch, capsys):
    monkeypatch.setenv("WAYFARE_ENV", "production")
    monkeypatch.setattr("sys.argv", ["wayfare", "token", "--role", "rider", "--subject", "r-1"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert capsys.readouterr().err == (
        "wayfare: development keys and tokens are refused in production, got WAYFARE_ENV='production'\n"
    )


def test_status_of_an_installation_that_never_ran_is_empty_and_not_ok(state):
    answer = run("status", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.output) == {"state_dir": str(state), "cities": [], "processes": []}


def test_money_has_the_decimals_of_its_currency():
    assert money({"amount_minor": 5, "currency": "USD"}) == "0.05 USD"
    assert money({"amount_minor": 123_456, "currency": "USD"}) == "1234.56 USD"
    assert money({"amount_minor": 1500, "currency": "JPY"}) == "1500 JPY"
    assert money({"amount_minor": 1500, "currency": "KWD"}) == "1.500 KWD"


QUOTE = {
    "quote_id": "q-1",
    "price": {"amount_minor": 2220, "currency": "USD"},
    "base_fare": {"amount_minor": 1480, "currency": "USD"},
    "surge": {"multiplier": 1.5, "at_least": {"1.25": 0.91, "1.5": 0.62}},
    "distance_m": 5210,
    "duration_s": 901,
    "wait_s": 180,
    "expires_at": "2026-11-21T08:30:00Z",
    "lineage": {
        "model": "surge-sim",
        "version": 3,
        "base_fare_source": "tariff",
        "price_source": "model",
        "window_age_s": 1,
        "defaults": [],
    },
    "degraded": ["live_window: stale [42 s]"],
}


@pytest.fixture
def pricing(state, monkeypatch):
    """Makes the pricing API answer `(status, body)`, and tells what it was asked."""
    asked = []

    def answers(status, body):
        ports.choose(port_names(), Layout(state).ports_file)

        def post(url, **options):
            asked.append((url, options))
            return httpx.Response(status, json=body)

        monkeypatch.setattr(httpx, "post", post)
        return asked

    return answers


def test_a_quote_is_shown_with_what_made_it(pricing, capsys):
    asked = pricing(201, QUOTE)
    with console.OUT.capture() as shown:
        answer = run("quote", "--from", "37.77,-122.41", "--to", "37.615,-122.39")
    assert answer.exit_code == 0, answer.output
    assert "22.20 USD" in shown.get()
    assert "live_window: stale [42 s]" in shown.get()
    url, options = asked[0]
    assert url.endswith("/v1/quotes")
    assert options["json"]["pickup"] == {"lat": 37.77, "lon": -122.41}
    assert options["headers"]["Authorization"].startswith("Bearer ")


def test_a_quote_for_machines_is_the_answer_itself(pricing):
    pricing(201, QUOTE)
    answer = run("quote", "--from", "37.77,-122.41", "--to", "37.615,-122.39", "--json")
    assert json.loads(answer.output) == QUOTE


def test_a_refused_quote_is_a_failure_that_names_the_field(pricing):
    errors = [{"pointer": "/pickup", "detail": "no registered city holds this place"}]
    pricing(422, {"title": "Unprocessable", "errors": errors})
    answer = run("quote", "--from", "0,0", "--to", "37.615,-122.39")
    assert answer.exit_code == 1
    assert "/pickup: no registered city holds this place" in answer.output
