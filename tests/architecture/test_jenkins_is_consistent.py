"""The Jenkinsfile, the configuration of Jenkins and the Makefile agree; what needs Java is in `make test-jenkins`."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
JENKINSFILE = (ROOT / "Jenkinsfile").read_text()
CASC = yaml.safe_load((ROOT / "jenkins/casc.yaml").read_text())
JOB = (ROOT / "jenkins/job.groovy").read_text()
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
CREDENTIALS = [
    entry | {"kind": kind}
    for domain in CASC["credentials"]["system"]["domainCredentials"]
    for credential in domain["credentials"]
    for kind, entry in credential.items()
]
TEMPLATES = CASC["jenkins"]["clouds"][0]["kubernetes"]["templates"]
CONTROLLER = {
    document["kind"]: document for document in yaml.safe_load_all((ROOT / "jenkins/controller.yaml").read_text())
}
SECRETS_AT = "/run/secrets/jenkins/"
BAKED_AT = "/usr/share/jenkins/wayfare/"


# What the plugins that read the configuration take there, from their sources.
KEYS = {
    "cloud": {"name", "namespace", "jenkinsUrl", "webSocket", "containerCapStr", "templates"},
    "template": {
        "name",
        "label",
        "nodeUsageMode",
        "instanceCap",
        "slaveConnectTimeout",
        "showRawYaml",
        "yaml",
    },
    "gitHubApp": {"scope", "id", "description", "appID", "privateKey"},
    "file": {"scope", "id", "description", "fileName", "secretBytes"},
    "jenkins": {
        "systemMessage",
        "numExecutors",
        "mode",
        "securityRealm",
        "authorizationStrategy",
        "globalNodeProperties",
        "clouds",
    },
}


def pod_of(template):
    return ROOT / "jenkins" / template["yaml"].removeprefix("${readFile:" + BAKED_AT).removesuffix("}")


def images_of(pod):
    return [container["image"] for container in yaml.safe_load(pod.read_text())["spec"]["containers"]]


def test_every_command_of_the_jenkinsfile_is_a_make_target_that_exists():
    commands = re.findall(r"\bsh '([^']*)'", JENKINSFILE)
    assert len(commands) == len(re.findall(r"\bsh\b", JENKINSFILE)), "a command that is not a literal in single quotes"
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands:
        make, *words = command.split()
        assert make == "make"
        assert {word for word in words if "=" not in word} <= targets, command


def test_the_makefile_declares_phony_what_the_jenkinsfile_calls():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)) <= phony


def test_every_credential_is_declared_once_and_used():
    ids = [entry["id"] for entry in CREDENTIALS]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"credentialsId: '([^']+)'", JENKINSFILE)) | set(
        re.findall(r"credentialsId\('([^']+)'\)", JOB)
    )
    assert used == set(ids)


def test_the_configuration_has_no_key_that_its_plugins_do_not_know():
    assert set(CASC) == {"jenkins", "credentials", "unclassified", "jobs"}
    assert set(CASC["jenkins"]) == KEYS["jenkins"]
    assert set(CASC["jenkins"]["clouds"][0]["kubernetes"]) == KEYS["cloud"]
    for template in TEMPLATES:
        assert set(template) == KEYS["template"], template["name"]
    for entry in CREDENTIALS:
        assert set(entry) - {"kind"} == KEYS[entry["kind"]], entry["id"]


def test_no_secret_stands_in_the_configuration():
    secret = re.compile(r"\$\{(?:trim:\$\{)?readFile(?:Base64)?:" + re.escape(SECRETS_AT) + r"[\w.-]+\}\}?")
    for entry in CREDENTIALS + CASC["jenkins"]["securityRealm"]["local"]["users"]:
        values = [entry[key] for key in ("password", "privateKey", "secretBytes", "secret") if key in entry]
        assert len(values) == 1, entry["id"]
        assert secret.fullmatch(values[0]), f"{entry['id']}: {values[0]}"


def test_every_secret_file_is_named_in_the_readme():
    readme = (ROOT / "jenkins/README.md").read_text()
    files = set(re.findall(re.escape(SECRETS_AT) + r"([\w.-]+)", (ROOT / "jenkins/casc.yaml").read_text()))
    named = set(re.findall(r"--from-file=([\w.-]+)=", readme))
    assert files == named


def test_every_variable_of_the_configuration_comes_from_the_controller():
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "jenkins/casc.yaml").read_text()))
    assert wanted == set(CONTROLLER["ConfigMap"]["data"])
    container = CONTROLLER["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"configMapRef": {"name": CONTROLLER["ConfigMap"]["metadata"]["name"]}}]
    assert {"name": "secrets", "mountPath": SECRETS_AT.rstrip("/"), "readOnly": True} in container["volumeMounts"]


def test_every_file_that_the_configuration_reads_is_in_the_image():
    dockerfile = (ROOT / "jenkins/Dockerfile").read_text()
    copied = set(re.search(r"^COPY \S+ (.*) " + BAKED_AT, dockerfile, re.MULTILINE)[1].split())
    read = set(re.findall(re.escape(BAKED_AT) + r"([\w.-]+)", (ROOT / "jenkins/casc.yaml").read_text() + dockerfile))
    assert {f"jenkins/{name}" for name in read if "*" not in name and name != "pod-"} == copied
    assert all((ROOT / name).is_file() for name in copied)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["name"])
def test_a_pod_is_named_by_its_template_and_asks_for_what_it_may_use(template):
    assert template["label"] == template["name"]
    assert f"inheritFrom '{template['name']}'" in JENKINSFILE
    pod = yaml.safe_load(pod_of(template).read_text())
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")
    assert pod["spec"]["automountServiceAccountToken"] is False
    names = [container["name"] for container in pod["spec"]["containers"]]
    assert names[0] == "jnlp", "the plugin adds an unpinned one where there is none"
    assert f"inheritFrom '{template['name']}'\n" in JENKINSFILE
    assert names[1] in re.findall(r"defaultContainer '([^']+)'", JENKINSFILE)
    for container in pod["spec"]["containers"]:
        assert {"requests", "limits"} <= container["resources"].keys()
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted <= {volume["name"] for volume in pod["spec"].get("volumes", [])}
    privileged = [name for name in names if "privileged: true" in pod_of(template).read_text()]
    assert bool(privileged) == (template["name"] == "wayfare-build"), "only building images needs privileges"


def test_every_image_is_built_here_or_pinned():
    agent = f"localhost/wayfare/jenkins-agent:{VERSION}"
    images = [image for template in TEMPLATES for image in images_of(pod_of(template))]
    images += [container["image"] for container in CONTROLLER["StatefulSet"]["spec"]["template"]["spec"]["containers"]]
    for image in images:
        if image.startswith("localhost/"):
            assert image in {agent, f"localhost/wayfare/jenkins:{VERSION}"}
        else:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+:\d[\w.-]+", image), f"not pinned: {image}"
    assert f"ARG AGENT_IMAGE={agent}\n" in (ROOT / "jenkins/Dockerfile").read_text()
    for name in ("Dockerfile", "agent.Dockerfile"):
        text = (ROOT / "jenkins" / name).read_text()
        assert re.findall(r"^ARG (\w+)=\S+:?latest", text, re.MULTILINE) == []
        for image in re.findall(r"^ARG \w+_(?:IMAGE|TAG)=(\S+)$", text, re.MULTILINE):
            assert re.search(r"\d", image.rpartition(":")[2]), f"{name}: not pinned: {image}"


def test_every_plugin_has_one_exact_version():
    lines = [line for line in (ROOT / "jenkins/plugins.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: line.split(":")[0])
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+:\d[\w.-]+", line), line
    names = {line.split(":")[0] for line in lines}
    assert len(names) == len(lines)
    # What the configuration itself speaks of, by the plugin that understands it.
    assert {
        "configuration-as-code",
        "job-dsl",
        "kubernetes",
        "matrix-auth",
        "plain-credentials",
        "credentials",
        "github-branch-source",
        "github-checks",
        "workflow-multibranch",
    } <= names


def test_agents_are_made_where_the_controller_may_make_them():
    cloud = CASC["jenkins"]["clouds"][0]["kubernetes"]
    role, binding = CONTROLLER["Role"], CONTROLLER["RoleBinding"]
    assert cloud["namespace"] == role["metadata"]["namespace"] == binding["metadata"]["namespace"]
    pods = next(rule for rule in role["rules"] if rule["resources"] == ["pods"])
    assert {"create", "delete", "get", "list", "watch"} <= set(pods["verbs"])
    service = CONTROLLER["Service"]["metadata"]
    assert cloud["jenkinsUrl"] == f"http://{service['name']}.{service['namespace']}:8080"
    assert {"secrets", "configmaps"}.isdisjoint(resource for rule in role["rules"] for resource in rule["resources"])
