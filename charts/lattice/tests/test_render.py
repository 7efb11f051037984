"""What the chart renders is what Helm and Kubernetes take, for every entry of the matrix."""

import re

import helm_python
import kubernetes_validate
import pytest

import chart

VERSIONS = ["1.30.0", "1.33.0", "1.37.0"]


@pytest.mark.parametrize("name", chart.NAMES)
def test_helm_lints_it_strictly(name):
    report = helm_python.lint(chart.FOLDER, chart.values(name), strict=True, with_subcharts=True)
    assert report["errors"] == []
    # 1 is a remark: a chart without an icon.
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", chart.NAMES)
def test_kubernetes_takes_it(name, version):
    objects = chart.render(chart.values(name))
    assert objects
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", chart.NAMES)
def test_the_same_values_make_the_same_objects(name):
    """Nothing is drawn by lot, so an upgrade changes nothing that nobody asked to change."""
    values = chart.values(name)
    first = chart.render(values)
    assert first == chart.render(values)
    assert first == chart.render(values, revision=7, is_install=False, is_upgrade=True)


@pytest.mark.parametrize("name", chart.NAMES)
def test_names_are_unique_and_references_lead_somewhere(name):
    objects = chart.render(chart.values(name))
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))
    accounts = {one["metadata"]["name"] for one in chart.kind(objects, "ServiceAccount")}
    maps = {one["metadata"]["name"] for one in chart.kind(objects, "ConfigMap")}
    for who, spec, _ in chart.pods(objects):
        assert spec["serviceAccountName"] in accounts, who
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps, who


@pytest.mark.parametrize("name", chart.NAMES)
def test_every_mount_has_its_volume_and_every_volume_its_mount(name):
    for one in chart.render(chart.values(name)):
        for who, spec, _ in chart.pods([one]):
            claimed = [claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])]
            volumes = [volume["name"] for volume in spec["volumes"]] + claimed
            assert len(volumes) == len(set(volumes)), who
            mounted = {mount["name"] for c in chart.containers(spec) for mount in c.get("volumeMounts", [])}
            assert mounted == set(volumes), who


def test_monitors_are_left_out_where_nobody_knows_them():
    # Helm's engine alone knows what Kubernetes itself has, and no more.
    assert "PodMonitor" not in {one["kind"] for one in chart.render(chart.values("cluster"))}


@pytest.mark.parametrize("name", chart.NAMES)
def test_notes_name_every_secret_that_pods_wait_for(name):
    values = chart.values(name)
    told = chart.notes(values)
    assert "<no value>" not in told and "%!" not in told
    if values.get("trust", {}).get("bootstrap"):
        return
    prefix = (values.get("global") or {}).get("latticeSecrets") or "shop-lattice"
    wanted = set()
    for _, spec, _ in chart.pods(chart.render(values)):
        wanted |= {v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v}
    for secret in (secret for secret in wanted if secret.startswith(f"{prefix}-")):
        if secret.endswith("-cli") and not values.get("trust", {}).get("publish", True):
            continue  # only `helm test` asks for it
        assert re.search(rf"create secret generic {secret} ", told), secret


def test_a_group_that_cannot_work_is_refused_with_the_reason():
    wrong = [
        ({"hostGroups": [{"name": "a", "persistence": {"type": "pvc"}}]}, "needs kind StatefulSet"),
        ({"hostGroups": [{"name": "a", "persistence": {"type": "hostPath"}}]}, "needs kind DaemonSet"),
        ({"hostGroups": [{"name": "a"}, {"name": "a"}]}, "two hostGroups are called a"),
        ({"trust": {"enrolment": {"mode": "secrets"}}}, "needs kind StatefulSet"),
        ({"nats": {"enabled": False}}, "set connection.urls"),
    ]
    for values, reason in wrong:
        with pytest.raises(helm_python.HelmError, match=re.escape(reason)):
            chart.render(values)
