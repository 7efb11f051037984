"""Helm installs and upgrades the chart against an API server."""

import helm_python
import pytest

import api_server
import chart


@pytest.fixture
def helm(tmp_path):
    """Makes a Helm that talks to a server."""

    def connect(server):
        # In memory: what Helm remembers is none of the chart's.
        return helm_python.Config(kubeconfig_path=server.kubeconfig(tmp_path), namespace="prod", storage_driver="memory")

    return connect


def made(server):
    return {(one["kind"], one["metadata"]["name"]) for one in server.objects.values()}


@pytest.mark.parametrize("monitors", [True, False], ids=["with-monitors", "without-monitors"])
@pytest.mark.parametrize("name", ["cluster", "open", "default"])
def test_monitors_are_made_only_where_their_kind_is_known(helm, name, monitors):
    values = chart.values(name)
    with api_server.serving(monitors=monitors) as server:
        with helm(server) as config, helm_python.Chart.load(chart.FOLDER) as it:
            config.install(it, "shop", values, namespace="prod")
        monitor = {("PodMonitor", "shop-lattice")} if monitors and name != "open" else set()
        others = {
            (one["kind"], one["metadata"]["name"])
            for one in chart.render(values)
            if "helm.sh/hook" not in one["metadata"].get("annotations", {})
        }
        assert made(server) == monitor | others


@pytest.mark.parametrize("name", chart.NAMES)
def test_an_upgrade_to_the_same_changes_nothing(helm, name):
    def contents(server):
        return {
            path: {key: value for key, value in one.items() if key != "metadata"}
            for path, one in server.objects.items()
        }

    values = chart.values(name)
    with api_server.serving() as server:
        with helm(server) as config, helm_python.Chart.load(chart.FOLDER) as it:
            config.install(it, "shop", values, namespace="prod")
            before = contents(server)
            config.upgrade(it, "shop", values, namespace="prod")
        assert contents(server) == before
        assert "DELETE" not in {method for method, path in server.asked}
