"""The table of services is the truth: folders, READMEs, topics and routes agree with it."""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import tomllib

import grimp
import pytest

from wayfare.inventory import ACTORS, SERVERS, SERVICES, TOPICS, WATCHERS

ROOT = pathlib.Path(__file__).parents[2]
PROCESSES = (*SERVICES, *ACTORS)
README_SECTIONS = ("does", "reads", "writes", "knobs", "how it fails")


def as_distribution(name: str) -> str:
    """A name as the locks spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    packages = ("wayfare", "services", "pipelines", "local")
    return grimp.build_graph(
        *packages, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@pytest.mark.parametrize("service", PROCESSES, ids=lambda service: service.name)
def test_all_that_a_service_imports_is_in_its_image(service, imports):
    lines = (ROOT / "locks" / f"{service.image}.txt").read_text().splitlines()
    locked = {as_distribution(re.split(r"[\[=]", line)[0]) for line in lines if line[:1].isalpha()}
    brought_by = importlib.metadata.packages_distributions()
    external = {name for name in imports.find_upstream_modules(service.module) if imports.is_module_squashed(name)}
    assert "pydantic_settings" in external
    missing = {name for name in external & set(brought_by) if locked.isdisjoint(map(as_distribution, brought_by[name]))}
    assert not missing, f"the image {service.image} lacks what {service.module} imports: {missing}"


def folder_of(service: object) -> pathlib.Path:
    return ROOT / pathlib.Path(*service.module.split(".")[:-1])


@pytest.mark.parametrize("service", PROCESSES, ids=lambda service: service.name)
def test_every_service_has_its_folder_settings_and_main(service):
    folder = folder_of(service)
    assert (ROOT / (service.module.replace(".", "/") + ".py")).is_file()
    assert (folder / "settings.py").is_file()


@pytest.mark.parametrize("service", PROCESSES, ids=lambda service: service.name)
def test_every_service_readme_says_what_it_does_reads_writes_and_how_it_fails(service):
    text = (folder_of(service) / "README.md").read_text()
    said = {match.strip().lower() for match in re.findall(r"^(?:#+ |\| *)([^|\n]+)", text, flags=re.MULTILINE)}
    missing = [section for section in README_SECTIONS if section not in said]
    assert not missing, f"{service.name}/README.md lacks headings or table rows {missing}"


def test_every_folder_of_services_is_in_the_table():
    folders = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert folders == {folder_of(service).name for service in PROCESSES}


def test_every_topic_has_a_producer_and_a_consumer_or_is_a_documented_outlet():
    produced = {name for service in PROCESSES for name in service.produces}
    consumed = {name for service in PROCESSES for name in service.consumes}
    names = {topic.name for topic in TOPICS}
    assert produced <= names, produced - names
    assert consumed <= names, consumed - names
    for topic in TOPICS:
        assert topic.name in produced, f"nothing produces {topic.name}"
        assert topic.outlet or topic.name in consumed, f"nothing consumes {topic.name}"
        assert not (topic.outlet and topic.name in consumed), f"{topic.name} is consumed: not an outlet"


def test_every_consumed_topic_of_events_has_a_dead_letter_topic():
    names = {topic.name for topic in TOPICS}
    for service in SERVICES:
        for name in service.produces:
            if name.endswith(".dead-letter"):
                assert name.removesuffix(".dead-letter") in names


def test_every_connection_names_something_that_exists():
    known = {server.name for server in (*SERVERS, *WATCHERS)} | {service.name for service in PROCESSES} | {"artifacts"}
    for service in PROCESSES:
        assert set(service.talks_to) <= known, f"{service.name}: {set(service.talks_to) - known}"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_that_uses_topics_says_that_it_talks_to_kafka(service):
    assert bool(service.produces or service.consumes) == ("kafka" in service.talks_to)


@pytest.mark.parametrize("service", PROCESSES, ids=lambda service: service.name)
def test_every_service_serves_its_admin_port(service):
    sources = "\n".join(path.read_text() for path in folder_of(service).glob("*.py"))
    assert re.search(r"serve_admin|gunicorn_runner|runtime\.web|worker\.serve\(", sources), (
        f"{service.name} never serves health and metrics"
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_topics_in_the_code_of_a_service_are_those_of_the_table(service):
    names = {topic.name for topic in TOPICS if "-" in topic.name and not topic.outlet}
    sources = "\n".join(path.read_text() for path in folder_of(service).glob("*.py"))
    named = {name for name in names if f'"{name}"' in sources}
    assert named <= set(service.produces) | set(service.consumes)


def test_every_service_is_named_in_the_import_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    by_name = {contract["name"]: contract for contract in contracts}
    packages = {service.module.rsplit(".", 1)[0]: service.image for service in PROCESSES}
    apart = by_name["services never import each other"]["modules"]
    assert set(apart) == set(packages)
    light = by_name["front ends import neither TensorFlow nor Spark"]["source_modules"]
    wanted = {package for package, image in packages.items() if image in ("front", "stream")}
    assert {name for name in light if name.startswith("services.")} == wanted
