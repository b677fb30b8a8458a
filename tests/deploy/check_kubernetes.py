#!/usr/bin/env python3
"""check_kubernetes.py RENDERED: checks what `kubectl kustomize` printed of deploy/kubernetes or deploy/kubernetes-jetstream.

Each document against the API's own definition of it, from Kubernetes' Python client: an unknown field, a value of another
type and a required field that is missing are all said. Then what the documents must say together. Prints a line for each fault
and exits 1 where there is one. Needs python3-kubernetes and python3-yaml.
"""
import re
import sys

import yaml
from kubernetes import client

PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}
UNITS = {"": 1, "mb": 1 << 20, "mi": 1 << 20, "gb": 1 << 30, "gi": 1 << 30}

faults = []


def check_value(value, kind, where):
    """Of what the value must be: a class of the client, a plain type, or a list or a dict of these."""
    inner = re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", kind)
    if inner and inner[1]:
        if not isinstance(value, list):
            faults.append(f"{where}: is no list")
            return
        for i, item in enumerate(value):
            check_value(item, inner[1], f"{where}[{i}]")
    elif inner:
        if not isinstance(value, dict):
            faults.append(f"{where}: is no map")
            return
        for name, item in value.items():
            check_value(item, inner[2], f"{where}.{name}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind != "bool" and isinstance(value, bool)):
            faults.append(f"{where}: must be {kind}, is {type(value).__name__}")
    elif hasattr(client, kind):
        check_object(value, getattr(client, kind), where)


def check_object(value, model, where):
    if not isinstance(value, dict):
        faults.append(f"{where}: must be a map, is {type(value).__name__}")
        return
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    for name, item in value.items():
        if name in attributes:
            check_value(item, model.openapi_types[attributes[name]], f"{where}.{name}")
        else:
            faults.append(f"{where}: {model.__name__} has no field {name}")
    try:
        model(**{attributes[name]: item for name, item in value.items() if name in attributes})
    except ValueError as error:
        faults.append(f"{where}: {error}")


def expect(holds, text):
    if not holds:
        faults.append(text)


def size(text):
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", text).groups()
    return int(number) * UNITS[unit.lower()]


def check_pod(pod):
    expect(pod.get("automountServiceAccountToken") is False, "the pod gets a token of the API")
    security = pod["securityContext"]
    expect(security.get("runAsNonRoot") is True and security.get("runAsUser") == 65532, "the pod may run as root")
    expect(security.get("seccompProfile") == {"type": "RuntimeDefault"}, "the pod has no seccomp profile")


def check_container(container):
    security = container["securityContext"]
    expect(security.get("allowPrivilegeEscalation") is False, "the container may gain privileges")
    expect(security.get("readOnlyRootFilesystem") is True, "the container's root file system can be written to")
    expect(security.get("capabilities") == {"drop": ["ALL"]}, "the container keeps capabilities")
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        http = container[probe]["httpGet"]
        expect(http == {"path": path, "port": "metrics"}, f"{probe} does not ask for {path} at the port metrics")
    expect("requests" in container["resources"], "the container requests nothing")


def check_memory(deployment):
    expect(deployment["spec"]["replicas"] == 1, "more than one replica: each would hold a part of the data")
    expect(deployment["spec"]["strategy"] == {"type": "Recreate"}, "two would serve at the same time on the way")


def check_jetstream(deployment, budget):
    """Three on three nodes, of which one at a time may go, and none before the one that came has caught up."""
    spec, labels = deployment["spec"], deployment["spec"]["template"]["metadata"]["labels"]
    expect(spec["replicas"] == 3, "there are not three replicas")
    expect(spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
           "an update takes more than one away, or needs a fourth node")
    affinity = spec["template"]["spec"].get("affinity", {}).get("podAntiAffinity", {})
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    expect([term["topologyKey"] for term in terms] == ["kubernetes.io/hostname"] and
           all(term["labelSelector"]["matchLabels"].items() <= labels.items() for term in terms),
           "two may be on one node")
    expect(budget is not None and budget["spec"].get("maxUnavailable") == 1 and
           budget["spec"]["selector"]["matchLabels"].items() <= labels.items(), "draining nodes may take more than one away")


def check_labels(documents):
    """Those that Kubernetes recommends, on all that is made and on the pods, the same everywhere."""
    wanted = {f"app.kubernetes.io/{name}" for name in ("name", "component", "part-of", "version", "managed-by")}
    seen = [documents["Deployment"]["spec"]["template"]["metadata"]["labels"]]
    seen += [document["metadata"].get("labels", {}) for document in documents.values()]
    for labels in seen:
        expect(labels.keys() == wanted, f"the recommended labels are not there: {sorted(wanted - labels.keys())}")
        expect(labels == seen[0], "labels differ")


def check_together(documents):
    deployment, service, policy = (documents[kind] for kind in ("Deployment", "Service", "NetworkPolicy"))
    settings, template = documents["ConfigMap"]["data"], deployment["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    container = pod["containers"][0]
    check_pod(pod)
    check_container(container)

    if settings.get("WASCC_KEYVALUE_ENGINE", "memory") == "memory":
        check_memory(deployment)
    else:
        check_jetstream(deployment, documents.get("PodDisruptionBudget"))
    for what, selector in (("the Deployment", deployment["spec"]["selector"]["matchLabels"]),
                           ("the Service", service["spec"]["selector"]),
                           ("the NetworkPolicy", policy["spec"]["podSelector"]["matchLabels"])):
        expect(selector.items() <= labels.items(), f"{what} does not select the pod")
    expect(container["envFrom"] == [{"configMapRef": {"name": documents["ConfigMap"]["metadata"]["name"]}},
                                    {"secretRef": {"name": documents["Secret"]["metadata"]["name"]}}],
           "the container's environment is not that of the ConfigMap and the Secret")

    port = int(settings["WASCC_KEYVALUE_METRICS_LISTEN"].rpartition(":")[2])
    expect(container["ports"] == [{"name": "metrics", "containerPort": port}], "the container's port is another one")
    expect(service["spec"]["ports"] == [{"name": "metrics", "port": port, "targetPort": "metrics"}],
           "the Service's port is another one")
    expect(template["metadata"]["annotations"]["prometheus.io/port"] == str(port), "Prometheus is told another port")
    expect(set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}, "the NetworkPolicy leaves a direction open")
    into = [p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]]
    expect(into == [port], "other ports than the metrics' can be reached")
    out = {p["port"] for rule in policy["spec"]["egress"] for p in rule["ports"]}
    expect(out == {4222, 53} and all(rule.get("to") for rule in policy["spec"]["egress"]),
           "more or less than NATS and DNS can be reached from the pod")

    limit, budget = container["resources"]["limits"]["memory"], settings["WASCC_KEYVALUE_MAX_MEMORY"]
    expect(size(limit) > size(budget), "the memory limit is not above WASCC_KEYVALUE_MAX_MEMORY")
    drain = int(re.fullmatch(r"(\d+)s", settings["WASCC_KEYVALUE_DRAIN_TIMEOUT"])[1])
    expect(pod["terminationGracePeriodSeconds"] > drain,
           "terminationGracePeriodSeconds is not above WASCC_KEYVALUE_DRAIN_TIMEOUT")
    expect(not documents["Secret"].get("data"), "a secret has been written into deploy/kubernetes")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = {document["kind"]: document for document in yaml.safe_load_all(file)}
    for kind, document in documents.items():
        model = getattr(client, f"V1{kind}", None)
        expect(model is not None, f"{kind}: the client knows no such kind")
        if model is not None:
            check_object(document, model, kind)
    if not faults:
        check_labels(documents)
        check_together(documents)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
