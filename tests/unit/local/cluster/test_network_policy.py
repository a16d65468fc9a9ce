"""Rules of the enforcer, judged by a small reader of its own output: which packets pass, not how the table is spelt."""

import ipaddress
import re
import shutil
import subprocess

import pytest

from local.cluster.network_policy import directions, ruleset, selects, with_addresses

NAMESPACES = {"shop": {"team": "a"}, "other": {"team": "b"}}


def pod(name, ip, namespace="shop", ports=(), **labels):
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, **labels}},
        "spec": {"containers": [{"ports": [{"name": n, "containerPort": p} for n, p in ports]}]},
        "status": {"podIP": ip, "phase": "Running"},
    }


WEB = pod("web", "10.0.0.1", ports=[("http", 8080), ("admin", 9090)])
API = pod("api", "10.0.0.2", ports=[("http", 8081)])
FAR = pod("far", "10.0.0.3", namespace="other")
PODS = [WEB, API, FAR]
NETWORK = "10.0.0.0/24"
NEW = "10.0.0.4"


def policy(spec, namespace="shop"):
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def passes(policies, source, target, port, protocol="tcp", hook="forward"):
    """Whether the first packet of a connection is let through by the rules."""
    chains = {
        name: [line.strip() for line in body.strip().splitlines()]
        for name, body in re.findall(r"chain (\S+) \{\n(.*?)\n  \}", ruleset(PODS, policies, NAMESPACES, NETWORK), re.S)
    }

    def matches(rule):
        for side, address in (("saddr", source), ("daddr", target)):
            for sign, given in re.findall(rf"ip {side} (!= )?(\{{[^}}]*\}}|\S+)", rule):
                nets = [ipaddress.ip_network(one.strip()) for one in given.strip("{} ").split(",")]
                if any(ipaddress.ip_address(address) in net for net in nets) == bool(sign):
                    return False
        found = re.search(r"(tcp|udp|sctp) dport (\d+)(?:-(\d+))?", rule)
        if found and (found[1] != protocol or not int(found[2]) <= port <= int(found[3] or found[2])):
            return False
        anyport = re.search(r"l4proto (\w+)", rule)
        return not anyport or anyport[1] == protocol

    def walk(chain):
        for rule in chains[chain]:
            if "type filter" in rule or "ct state" in rule or not matches(rule):
                continue
            if rule.endswith("drop"):
                return False
            if rule.endswith("return"):
                return True
            if not walk(rule.split(" jump ")[1]):
                return False
        return True

    return walk(hook)


def test_without_policies_everything_passes():
    assert passes([], "10.0.0.3", "10.0.0.1", 80)


@pytest.mark.parametrize("policies", [[], [policy({"podSelector": {}, "ingress": [{}]})]])
def test_an_address_without_a_pod_reaches_nobody_and_is_reached_by_nobody(policies):
    assert not passes(policies, NEW, "10.0.0.1", 8080)
    assert not passes(policies, "10.0.0.1", NEW, 8080)
    assert not passes(policies, NEW, "192.168.9.1", 6443, hook="input")


def test_a_pod_has_the_addresses_it_was_given_whatever_the_cluster_knows_of_them():
    announced = {"10.0.0.9": ("shop", "web"), "10.0.0.8": ("other", "far"), "10.0.0.7": ("shop", "gone")}
    found = with_addresses([{**WEB, "status": {"phase": "Pending"}}, FAR, API], announced)
    assert [(one["metadata"]["name"], one["status"]["podIP"]) for one in found] == [
        ("far", "10.0.0.8"),
        ("web", "10.0.0.9"),
    ]


def test_what_has_no_address_of_a_pod_passes():
    assert passes([], "192.168.9.1", "10.0.0.1", 8080)
    assert passes([], "10.0.0.1", "192.168.9.1", 6443)


def test_a_policy_without_rules_denies_its_pods_only():
    deny = [policy({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]})]
    assert not passes(deny, "10.0.0.2", "10.0.0.1", 8080)
    assert passes(deny, "10.0.0.1", "10.0.0.2", 8081)


def test_a_policy_reaches_only_the_pods_of_its_namespace():
    deny = [policy({"podSelector": {}, "policyTypes": ["Ingress"]}, namespace="other")]
    assert passes(deny, "10.0.0.3", "10.0.0.1", 8080)
    assert not passes(deny, "10.0.0.1", "10.0.0.3", 8080)


def test_a_rule_names_peer_and_port_and_nothing_else_passes():
    rules = [
        policy(
            {
                "podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": 8080}]}],
            }
        )
    ]
    assert passes(rules, "10.0.0.2", "10.0.0.1", 8080)
    assert not passes(rules, "10.0.0.2", "10.0.0.1", 8080, protocol="udp")
    assert not passes(rules, "10.0.0.2", "10.0.0.1", 9090)
    assert not passes(rules, "10.0.0.3", "10.0.0.1", 8080)


def test_a_pod_selector_alone_means_the_policy_s_own_namespace():
    rules = [policy({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]})]
    assert passes(rules, "10.0.0.2", "10.0.0.1", 1)
    assert not passes(rules, "10.0.0.3", "10.0.0.1", 1)


def test_namespace_and_pod_selectors_of_one_peer_must_both_hold():
    peer = {"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {"matchLabels": {"app": "web"}}}
    assert not passes([policy({"podSelector": {}, "ingress": [{"from": [peer]}]})], "10.0.0.3", "10.0.0.1", 1)
    peer["podSelector"]["matchLabels"]["app"] = "far"
    assert passes([policy({"podSelector": {}, "ingress": [{"from": [peer]}]})], "10.0.0.3", "10.0.0.1", 1)


def test_two_policies_add_up():
    rules = [
        policy({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}),
        policy(
            {
                "podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}]}],
            }
        ),
    ]
    assert passes(rules, "10.0.0.2", "10.0.0.1", 8080)


def test_egress_is_judged_besides_ingress_of_the_receiver():
    egress = policy(
        {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "api"}}}]}],
        }
    )
    assert passes([egress], "10.0.0.1", "10.0.0.2", 8081)
    assert not passes([egress], "10.0.0.1", "10.0.0.3", 8081)
    closed = policy({"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]})
    assert not passes([egress, closed], "10.0.0.1", "10.0.0.2", 8081)


def test_egress_to_the_node_itself_is_judged_too():
    egress = policy({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]})
    assert not passes([egress], "10.0.0.1", "192.168.9.1", 6443, hook="input")
    assert passes([egress], "10.0.0.2", "192.168.9.1", 6443, hook="input")


def test_a_named_port_is_that_of_the_pod_that_receives():
    rules = [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]})]
    assert passes(rules, "10.0.0.3", "10.0.0.1", 8080)
    assert passes(rules, "10.0.0.3", "10.0.0.2", 8081)
    assert not passes(rules, "10.0.0.3", "10.0.0.2", 8080)
    out = policy(
        {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": "http"}]}],
        }
    )
    assert passes([out], "10.0.0.1", "10.0.0.2", 8081)
    assert not passes([out], "10.0.0.1", "10.0.0.2", 8080)


def test_a_block_of_addresses_has_exceptions_and_a_port_has_a_range():
    rules = [
        policy(
            {
                "podSelector": {},
                "ingress": [
                    {
                        "from": [{"ipBlock": {"cidr": "10.0.0.0/24", "except": ["10.0.0.3/32"]}}],
                        "ports": [{"port": 8000, "endPort": 8100}],
                    }
                ],
            }
        )
    ]
    assert passes(rules, "10.0.0.2", "10.0.0.1", 8100)
    assert not passes(rules, "10.0.0.2", "10.0.0.1", 8101)
    assert not passes(rules, "10.0.0.3", "10.0.0.1", 8100)


@pytest.mark.parametrize(
    ("operator", "values", "labels", "expected"),
    [
        ("In", ["a", "b"], {"k": "b"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("NotIn", ["a"], {}, True),
        ("Exists", None, {"k": ""}, True),
        ("DoesNotExist", None, {"k": ""}, False),
    ],
)
def test_expressions_select_as_kubernetes_says(operator, values, labels, expected):
    assert selects({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}, labels) is expected


def test_policy_types_left_out_are_ingress_and_egress_only_where_rules_are():
    assert directions({}) == ["ingress"]
    assert directions({"egress": [{}]}) == ["ingress", "egress"]
    assert directions({"policyTypes": ["Egress"]}) == ["egress"]


@pytest.mark.skipif(
    shutil.which("nft") is None, reason="nft is not installed, so its reading of the rules is not tried"
)
@pytest.mark.parametrize("pods", [PODS, []])
def test_nft_understands_every_kind_of_rule(pods):
    peers = [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}]
    ports = [{"port": 1}, {"port": "http"}, {"protocol": "UDP"}, {"port": 5, "endPort": 9, "protocol": "SCTP"}]
    both = policy(
        {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers, "ports": ports}],
            "egress": [{}, {"to": peers}],
        }
    )
    checked = subprocess.run(
        ["nft", "--check", "-f", "-"], input=ruleset(pods, [both], NAMESPACES, NETWORK), text=True, capture_output=True
    )
    if "not permitted" in checked.stderr:
        pytest.skip(f"nft may not even check here: {checked.stderr.splitlines()[0]}")
    assert checked.returncode == 0, checked.stderr
