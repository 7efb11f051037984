"""What no pod of the chart may lack, whatever the values."""

import json
import re

import pytest

import chart

ENTRIES = [pytest.param(chart.render(chart.values(name)), id=name) for name in chart.NAMES]
# A seed of an nkey, a token, a key of TLS.
SECRET = re.compile(r"S[OACNUX][A-Z2-7]{56}|eyJ[A-Za-z0-9_-]{20,}|-----BEGIN")


@pytest.mark.parametrize("objects", ENTRIES)
def test_pods_are_hardened(objects):
    for who, spec, _ in chart.pods(objects):
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] == 65532 and context["runAsGroup"] == 65532, who
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, who
        # Else the keys of a host become readable to its group when its volume is mounted again, and it refuses them.
        assert context["fsGroupChangePolicy"] == "OnRootMismatch", who
        assert spec["automountServiceAccountToken"] is False, who
        assert not any(spec.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")), who


@pytest.mark.parametrize("objects", ENTRIES)
def test_containers_are_hardened(objects):
    for who, spec, _ in chart.pods(objects):
        for container in chart.containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False and context["privileged"] is False, who
            assert context["readOnlyRootFilesystem"] is True and context["runAsNonRoot"] is True, who
            assert context["capabilities"] == {"drop": ["ALL"]}, who
            assert "memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], who
            assert not any("hostPort" in port for port in container.get("ports", [])), who
            assert not container["image"].endswith(":latest"), who


@pytest.mark.parametrize("objects", ENTRIES)
def test_the_root_of_trust_is_mounted_by_nobody(objects):
    for who, spec, _ in chart.pods(objects):
        for volume in spec["volumes"]:
            assert not volume.get("secret", {}).get("secretName", "").endswith("-root"), who


@pytest.mark.parametrize("objects", ENTRIES)
def test_a_host_never_sees_the_key_that_enrols(objects):
    for who, spec, labels in chart.pods(objects):
        for container in spec["containers"]:
            assert "enrol" not in {mount["name"] for mount in container["volumeMounts"]}, who
        secrets = [v for v in spec["volumes"] if "secret" in v]
        assert all("items" in v["secret"] for v in secrets if v["name"] in ("enrol", "trust", "controller", "cli-creds")), who


@pytest.mark.parametrize("objects", ENTRIES)
def test_no_secret_is_rendered(objects):
    assert not chart.kind(objects, "Secret")
    assert not SECRET.search(json.dumps(objects))


@pytest.mark.parametrize("objects", ENTRIES)
def test_rights_are_for_the_trust_job_alone_and_narrow(objects):
    kinds = {one["kind"] for one in objects}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    for role in chart.kind(objects, "Role"):
        for rule in role["rules"]:
            assert rule["resources"] == ["secrets"] and rule["apiGroups"] == [""]
            assert rule["verbs"] == ["create"] or (rule["verbs"] == ["get", "update"] and len(rule["resourceNames"]) == 5)
    for binding in chart.kind(objects, "RoleBinding"):
        assert [subject["name"] for subject in binding["subjects"]] == [binding["metadata"]["name"]]
    tokens = [who for who, spec, _ in chart.pods(objects) if "serviceAccountToken" in json.dumps(spec["volumes"])]
    assert all(who.startswith("Job/") for who in tokens)
    for who, spec, _ in chart.pods(objects):
        if who in tokens:
            users = [c["name"] for c in chart.containers(spec) if "api" in {m["name"] for m in c["volumeMounts"]}]
            assert users == ["root"], who


@pytest.mark.parametrize("name", [name for name in chart.NAMES if name != "open"])
def test_a_policy_holds_for_every_pod_both_ways(name):
    objects = chart.render(chart.values(name))
    policies = [one["spec"] for one in chart.kind(objects, "NetworkPolicy")]
    assert all(set(policy["policyTypes"]) == {"Ingress", "Egress"} for policy in policies)
    for who, _, labels in chart.pods(objects):
        held = [p for p in policies if p["podSelector"]["matchLabels"].items() <= labels.items()]
        assert len(held) == 1, who
        # Nobody is open to all of the world on all ports.
        assert all("ports" in rule for rule in held[0]["ingress"] + held[0]["egress"]), who


@pytest.mark.parametrize("objects", ENTRIES)
def test_a_pod_outlives_its_drain(objects):
    for who, spec, labels in chart.pods(objects):
        if labels.get("app.kubernetes.io/component") != "host":
            continue
        host = spec["containers"][0]
        grace = next(int(arg.removeprefix("--grace=").removesuffix("s")) for arg in host["args"] if arg.startswith("--grace="))
        asleep = host.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert spec["terminationGracePeriodSeconds"] >= grace + asleep + 20, who
        assert host["readinessProbe"]["httpGet"]["path"] == "/readyz", who
        assert host["livenessProbe"]["httpGet"]["path"] == "/livez", who


@pytest.mark.parametrize("name", [name for name in chart.NAMES if name != "open"])
def test_a_budget_holds_for_every_group_that_nodes_are_drained_of(name):
    objects = chart.render(chart.values(name))
    budgets = [one["spec"]["selector"]["matchLabels"] for one in chart.kind(objects, "PodDisruptionBudget")]
    for who, _, labels in chart.pods(objects):
        if who.startswith(("Deployment/", "StatefulSet/")) and labels["app.kubernetes.io/component"] == "host":
            assert sum(budget.items() <= labels.items() for budget in budgets) == 1, who
