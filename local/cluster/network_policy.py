"""Enforces NetworkPolicies on the one node: the bridge that connects its pods enforces none.

Pods, namespaces and policies become one nftables table of the network namespace that this runs in. Known: podSelector,
namespaceSelector, ipBlock with exceptions, ports by number, range and name, TCP, UDP and SCTP, both directions, and that a
pod which no policy selects is free. A pod's containers start once the rules for it are in force (`isolate.py` waits for
that), and an address without a pod reaches nobody and is reached by nobody. As everywhere, traffic of the node itself (the kubelet's probes) is never filtered, and a connection that was allowed when it
was made stays.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from local.cluster.api import Api, ApiError, Item, arguments
from local.cluster.isolate import announced, in_force

Direction = Literal["ingress", "egress"]
Labels = dict[str, str]

TABLE = "ip wayfare_policy"
# For each direction: the key of a rule's peers, and which address of a packet is the peer's and which the pod's own.
SIDES: dict[Direction, tuple[str, str, str]] = {
    "ingress": ("from", "saddr", "daddr"),
    "egress": ("to", "daddr", "saddr"),
}


def selects(selector: Item, labels: Labels | None) -> bool:
    """Whether a label selector takes something with these labels; an empty one takes everything."""
    have = labels or {}
    if any(have.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], expression.get("values") or []
        holds = {
            "In": key in have and have[key] in values,
            "NotIn": key not in have or have[key] not in values,
            "Exists": key in have,
            "DoesNotExist": key not in have,
        }
        if not holds[expression["operator"]]:
            return False
    return True


def directions(spec: Item) -> list[Direction]:
    """In which directions a policy isolates the pods that it selects."""
    stated = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return [direction for direction in SIDES if direction.capitalize() in stated]


def _address(pod: Item) -> str:
    return str(pod["status"]["podIP"])


def _peers(
    stated: list[Item] | None, namespace: str, pods: list[Item], namespaces: dict[str, Labels], side: str
) -> Iterator[tuple[str, list[Item]]]:
    """The match of each peer, empty for everybody, and the pods it stands for."""
    if not stated:
        yield "", pods
    for peer in stated or []:
        if block := peer.get("ipBlock"):
            match = f"ip {side} {block['cidr']}"
            if block.get("except"):
                match += f" ip {side} != {{ {', '.join(block['except'])} }}"
            yield match, []
            continue
        spaces = (
            {name for name, labels in namespaces.items() if selects(peer["namespaceSelector"], labels)}
            if "namespaceSelector" in peer
            else {namespace}
        )
        chosen = [
            pod
            for pod in pods
            if pod["metadata"]["namespace"] in spaces
            and selects(peer.get("podSelector") or {}, pod["metadata"].get("labels"))
        ]
        if chosen:
            yield f"ip {side} {{ {', '.join(sorted(map(_address, chosen)))} }}", chosen


def _ports(stated: list[Item] | None, receivers: list[Item]) -> Iterator[str]:
    """The match of each port; a name is looked up in the pods that receive."""
    if not stated:
        yield ""
    for entry in stated or []:
        protocol, port = entry.get("protocol", "TCP").lower(), entry.get("port")
        if port is None:
            yield f"meta l4proto {protocol}"
        elif isinstance(port, int):
            yield f"{protocol} dport {port}" + (f"-{entry['endPort']}" if entry.get("endPort") else "")
        else:
            numbers = {
                offered["containerPort"]
                for pod in receivers
                for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
                for offered in container.get("ports") or []
                if offered.get("name") == port and offered.get("protocol", "TCP").lower() == protocol
            }
            yield from (f"{protocol} dport {number}" for number in sorted(numbers))


def _allowed(
    pod: Item, policies: list[Item], direction: Direction, pods: list[Item], namespaces: dict[str, Labels]
) -> list[str]:
    """The matches of what policies let through for one pod."""
    key, side, _ = SIDES[direction]
    return [
        f"{peer} {port} return".strip()
        for policy in policies
        for rule in policy["spec"].get(direction) or []
        for peer, chosen in _peers(rule.get(key), policy["metadata"]["namespace"], pods, namespaces, side)
        for port in _ports(rule.get("ports"), [pod] if direction == "ingress" else chosen)
    ]


def _unknown(network: str, pods: list[Item], side: str) -> str:
    """Drops a packet of a pod that is not among these: it has an address before anybody could look at its policies."""
    known = f" ip {side} != {{ {', '.join(sorted(map(_address, pods)))} }}" if pods else ""
    return f"    ip {side} {network}{known} drop"


def ruleset(pods: list[Item], policies: list[Item], namespaces: dict[str, Labels], network: str) -> str:
    """What `nft -f -` reads: replaces our table as a whole. network: where all pods have their addresses."""
    chains: list[str] = []
    jumps: dict[Direction, list[str]] = {"ingress": [], "egress": []}
    for pod in sorted(pods, key=_address):
        mine = [
            policy
            for policy in policies
            if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and selects(policy["spec"].get("podSelector") or {}, pod["metadata"].get("labels"))
        ]
        for direction in SIDES:
            isolating = [policy for policy in mine if direction in directions(policy["spec"])]
            if not isolating:
                continue
            chain = f"{direction}_{_address(pod).replace('.', '_')}"
            rules = sorted(set(_allowed(pod, isolating, direction, pods, namespaces)))
            chains += [f"  chain {chain} {{", *(f"    {rule}" for rule in [*rules, "drop"]), "  }"]
            jumps[direction].append(f"    ip {SIDES[direction][2]} {_address(pod)} jump {chain}")

    unknown = {direction: _unknown(network, pods, own) for direction, (_, _, own) in SIDES.items()}

    def base(hook: str, rules: list[str]) -> list[str]:
        head = f"    type filter hook {hook} priority 10; policy accept;"
        return [f"  chain {hook} {{", head, "    ct state established,related accept", *rules, "  }"]

    return "\n".join(
        [
            f"table {TABLE} {{}}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            *chains,
            *base("forward", [*unknown.values(), *jumps["egress"], *jumps["ingress"]]),
            # What a pod sends to the node itself, such as to the API server.
            *base("input", [unknown["egress"], *jumps["egress"]]),
            "}",
            "",
        ]
    )


def with_addresses(pods: list[Item], announced: dict[str, tuple[str, str]]) -> list[Item]:
    """The pods that have been given an address, each with it: the cluster knows it only once their containers run."""
    named = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in pods}
    return [
        {**named[name], "status": {**named[name]["status"], "podIP": address}}
        for address, name in sorted(announced.items())
        if name in named
    ]


def observed(api: Api, network: str, announced: dict[str, tuple[str, str]]) -> tuple[str, list[Item]]:
    """The rules for what the cluster holds now, and the pods that they are for.

    announced: address -> namespace and name of the pod that has it.
    """
    pods = with_addresses(api.items("/api/v1/pods"), announced)
    namespaces = {
        item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in api.items("/api/v1/namespaces")
    }
    return ruleset(pods, api.items("/apis/networking.k8s.io/v1/networkpolicies"), namespaces, network), pods


def wait_for_another(folder: Path, known: Collection[str], seconds: float) -> None:
    """Returns after so long, or at once when a pod was given an address that is not among these."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and announced(folder).keys() <= set(known):
        time.sleep(0.02)


def main() -> None:
    """Looks a few times a second, for ever; an API server that is away is waited for, with the rules left in force."""
    options = arguments(
        "enforces NetworkPolicies",
        pods="network that pods have their addresses from",
        addresses="folder in which isolate.py announces each pod's",
    )
    api, folder = Api.of(options.kubeconfig), Path(options.addresses)
    last, known = "", dict[str, tuple[str, str]]()
    while True:
        try:
            known = announced(folder)
            rules, pods = observed(api, options.pods, known)
            if rules != last:
                subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
                last = rules
            for pod in pods:
                in_force(folder, _address(pod)).touch()
        except (OSError, http.client.HTTPException, ApiError, subprocess.CalledProcessError) as error:
            print(f"trying again: {error}", file=sys.stderr, flush=True)
        wait_for_another(folder, known, 0.3)


if __name__ == "__main__":
    main()
