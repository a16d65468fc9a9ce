"""What our rules and dashboards ask a kubelet for is there, under the names and labels that they ask by."""

import re
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from monitoring.dashboards import written
from monitoring.rules import groups
from tests.deploy.cluster.installation import RELEASE, Installation
from tests.deploy.cluster.kube import run

# A selector of what a kubelet tells, with its matchers, if any.
SELECTOR = re.compile(r"\b((?:container|kubelet|machine|node_(?:cpu|memory)_(?:usage|working))_\w+)(?:\{(.*?)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"(.*?)"')
MATCHES = {
    "=": lambda got, wanted: got == wanted,
    "!=": lambda got, wanted: got != wanted,
    "=~": lambda got, wanted: re.fullmatch(wanted, got) is not None,
    "!~": lambda got, wanted: re.fullmatch(wanted, got) is None,
}


def asked() -> set[tuple[str, str]]:
    """Every selector of a kubelet's metrics in the recorded rules, the alerts and the dashboards: name and matchers."""
    expressions = [rule["expr"] for group in groups()["groups"] for rule in group["rules"]]
    for text in written.files().values():
        expressions += re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', text)
    return {found for text in expressions for found in SELECTOR.findall(text.replace('\\"', '"'))}


def told() -> Iterator[Sample]:
    """All that the kubelets of the cluster tell a Prometheus."""
    nodes = run("kubectl", "get", "nodes", "--output", "jsonpath={.items[*].metadata.name}").stdout.split()
    for node in nodes:
        for path in ("metrics", "metrics/cadvisor", "metrics/resource"):
            text = run("kubectl", "get", "--raw", f"/api/v1/nodes/{node}/proxy/{path}").stdout
            for family in text_string_to_metric_families(text):
                yield from family.samples


def chosen(samples: list[Sample], name: str, matchers: str) -> list[Sample]:
    wanted = MATCHER.findall(matchers)
    return [
        sample
        for sample in samples
        if sample.name == name
        and all(MATCHES[how](sample.labels.get(label, ""), value) for label, how, value in wanted)
    ]


def test_every_metric_of_a_kubelet_that_we_use_is_told_of_every_pod(installation: Installation):
    selectors, samples = asked(), list(told())
    # Of pods by name and namespace: what the recorded figures of CPU and memory are summed by.
    assert {name for name, _ in selectors} >= {
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
    }
    running = {
        (installation.kube.namespace, pod["metadata"]["name"])
        for pod in installation.kube.items("pods", f"app.kubernetes.io/instance={RELEASE}")
        if pod["status"]["phase"] == "Running"
    }
    assert len(running) >= 10
    for name, matchers in sorted(selectors):
        found = chosen(samples, name, matchers)
        assert found, f"no kubelet tells {name}{{{matchers}}}"
        if name.startswith("container_"):
            of_pods = {(sample.labels["namespace"], sample.labels["pod"]) for sample in found}
            assert running <= of_pods, (name, running - of_pods)
            # Summed over containers, no pod may count twice: the row of the whole pod has no container.
            assert all(sample.labels["container"] for sample in found), name
            assert len(found) == len({tuple(sorted(sample.labels.items())) for sample in found}), name
    pods = sum(sample.value for sample in chosen(samples, "kubelet_running_pods", ""))
    assert pods >= len(running)
