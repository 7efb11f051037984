"""Every value is in the schema, and what is not is refused."""

import copy

import helm_python
import pytest
import yaml

import chart

# Taken as Kubernetes has them: their keys are Kubernetes' own.
OPEN = {
    "affinity", "annotations", "commonLabels", "global", "labels", "limits", "nodeSelector", "podAnnotations", "podLabels",
    "podSecurityContext", "requests", "securityContext",
}


def mappings(tree, path=()):
    """The places of all mappings whose keys are the chart's own."""
    if isinstance(tree, dict):
        if not path or path[-1] not in OPEN:
            yield path
        for key, value in tree.items():
            if key not in OPEN:
                yield from mappings(value, (*path, key))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            if isinstance(value, dict):
                yield from mappings(value, (*path, at))


def everything():
    values = yaml.safe_load((chart.FOLDER / "values.yaml").read_text())
    values["nats"] = yaml.safe_load((chart.FOLDER / "charts/nats/values.yaml").read_text())
    values["hostDefaults"]["ports"] = [{"name": "http", "port": 8080, "servicePort": 80}]
    group = copy.deepcopy(values["hostDefaults"])
    values["hostGroups"] = [{"name": "cloud", **group}]
    values["imagePullSecrets"] = [{"name": "a"}]
    return values


def test_every_value_is_taken():
    assert chart.render(everything())


@pytest.mark.parametrize("place", list(mappings(everything())), ids=lambda place: ".".join(map(str, place)) or "top")
def test_a_value_that_is_not_in_the_schema_is_refused(place):
    values = everything()
    at = values
    for key in place:
        at = at[key]
    at["misspelt"] = 1
    with pytest.raises(helm_python.HelmValuesError, match="misspelt"):
        chart.render(values)


@pytest.mark.parametrize(
    "values",
    [
        {"lattice": "No Good"},
        {"hostGroups": [{}]},
        {"hostGroups": [{"name": "a", "kind": "ReplicaSet"}]},
        {"hostGroups": [{"name": "a", "drain": {"graceSeconds": 0}}]},
        {"hostGroups": [{"name": "a", "ports": [{"name": "metrics", "port": 80}]}]},
        {"connection": {"urls": ["nats://user:password@nats:4222"]}},
        {"otel": {"endpoint": "http://user:password@collector"}},
        {"trust": {"enrolment": {"expires": "soon"}}},
        {"image": {"digest": "latest"}},
        {"nats": {"replicas": 2}},
        {"metrics": {"port": "9464"}},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(values):
    with pytest.raises(helm_python.HelmValuesError):
        chart.render(values)
