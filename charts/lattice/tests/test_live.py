"""What the chart renders runs: the arguments start real hosts, on a real NATS, with keys made as the chart makes them."""

import os
import random
import re
import shlex
import socket
import subprocess
from contextlib import contextmanager

import pytest

import api_server
import chart
from kubelet import Node, Pod, program


def free_port(address):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


class Cluster:
    """A release on this machine."""

    def __init__(self, folder, values):
        network = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        ports = {name: free_port(f"{network}.1") for name in ("client", "cluster", "monitor")}
        self.values = chart.merge(values, {"nats": {"ports": ports}, "metrics": {"port": free_port(f"{network}.1")}})
        self.objects = chart.render(self.values)
        self.url = f"nats://{network}.1:{ports['client']}"
        self.folder = folder
        (folder / "pods").mkdir()
        self.node = Node(folder / "pods", self.objects, network)
        self.specs = {who: spec for who, spec, _ in chart.pods(self.objects)}
        # NATS is first to get addresses, since all ask for it by name.
        servers = chart.named(self.objects, "StatefulSet", "shop-nats")["spec"]["replicas"]
        self.node.names = {"shop-nats": f"{network}.1"} | {
            f"shop-nats-{at}.shop-nats-headless": f"{network}.{at + 1}" for at in range(servers)
        }
        self.nats = [Pod(self.node, f"shop-nats-{at}", self.specs["StatefulSet/shop-nats"], ["data"]) for at in range(servers)]

    def pod(self, who, name, claims=()):
        return Pod(self.node, name, next(spec for key, spec in self.specs.items() if key.startswith(who)), claims)

    def start_nats(self):
        processes = [pod.start("nats") for pod in self.nats]
        for pod, process in zip(self.nats, processes):
            pod.until_ready("nats", process)

    def cli(self, *words, expect=0):
        run = subprocess.run(
            [program("/usr/local/bin/lattice"), *words], cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={"PATH": os.defpath, "LATTICE_HOME": str(self.folder / "home")},
        )
        assert run.returncode == expect, run.stdout + run.stderr
        return run.stdout

    def follow_notes(self):
        """Does what the notes say, where the operator's key is to stay."""
        for line in chart.notes(self.values).splitlines():
            # Between the commands are sentences, whose apostrophes quote nothing.
            words = shlex.split(line) if line.split()[:1] in (["lattice"], ["kubectl"]) else []
            if words[:1] == ["lattice"] and words[-2:] == ["root", "root"]:
                self.cli(*words[1:])
            elif words[:1] == ["kubectl"] and "create" in words:
                at = words.index("generic")
                files = [word.removeprefix("--from-file=") for word in words[at + 2 :]]
                named = [file.partition("=") if "=" in file else (os.path.basename(file), "=", file) for file in files]
                self.node.secrets[words[at + 1]] = {key: (self.folder / path).read_bytes() for key, _, path in named}


@contextmanager
def cluster(folder, values):
    it = Cluster(folder, values)
    try:
        yield it
    finally:
        it.node.close()


def role_of(objects):
    """What the API server allows, as the rendered Role says."""
    rules = chart.kind(objects, "Role")[0]["rules"]
    verbs = {"GET": "get", "PUT": "update", "POST": "create"}

    def allowed(method, path):
        name = path.rpartition("/")[2]
        return any(
            verbs.get(method) in rule["verbs"] and ("resourceNames" not in rule or name in rule["resourceNames"])
            for rule in rules
        )

    return allowed


@contextmanager
def bootstrapped(tmp_path, values):
    with cluster(tmp_path, values) as it, api_server.serving(allowed=role_of(it.objects)) as server:
        it.job = it.pod("Job/", "shop-lattice-trust")
        server.service_account(it.job.mounts["/var/run/secrets/kubernetes.io/serviceaccount"])
        it.api = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.port)}
        it.server = server
        it.job.run("root", environment=it.api)
        it.node.learn_secrets(server)
        yield it


def start_host(pod):
    pod.run("enrol")
    return pod.start("host")


@pytest.mark.parametrize("servers", [1, 3])
def test_a_bootstrapped_lattice_runs_and_stops(tmp_path, servers):
    values = chart.merge(chart.values("bootstrap"), {"nats": {"replicas": servers}})
    with bootstrapped(tmp_path, values) as it:
        it.start_nats()
        assert "trust bundle 1" in it.job.run("publish")
        pods = [it.pod("Deployment/", f"shop-lattice-cloud-{at}") for at in range(2)]
        hosts = [start_host(pod) for pod in pods]
        for pod, host in zip(pods, hosts):
            pod.until_ready("host", host)
            assert pod.probe("host", "livenessProbe") == 200
        test = it.pod("Pod/", "shop-lattice-test")
        said = test.run("hosts")
        assert "FAIL" not in said and all(pod.name in said for pod in pods), said

        seed = pods[0].folder / "data/data/host.seed"
        assert seed.stat().st_mode & 0o777 == 0o600
        key = seed.read_bytes()
        assert pods[0].stop(hosts[0]) == 0, pods[0].log("host")
        again = start_host(pods[0])
        pods[0].until_ready("host", again)
        assert seed.read_bytes() == key, "a container that starts again is the same host"
        for pod, host in ((pods[0], again), (pods[1], hosts[1])):
            assert pod.stop(host) == 0, pod.log("host")


def test_the_trust_job_makes_a_root_once(tmp_path):
    with bootstrapped(tmp_path, chart.values("bootstrap")) as it:
        names = ["shop-lattice-" + share for share in ("cli", "controller", "enrol", "root", "trust")]
        assert sorted(it.node.secrets) == names
        root = it.node.secrets["shop-lattice-root"]
        for share in ("cli", "controller", "enrol", "trust"):
            assert root["operator.seed"] not in it.node.secrets[f"shop-lattice-{share}"].values()
        it.server.asked.clear()
        # Another pod of the Job, with nothing in its memory.
        job = it.pod("Job/", "shop-lattice-trust-2")
        it.server.service_account(job.mounts["/var/run/secrets/kubernetes.io/serviceaccount"])
        job.run("root", environment=it.api)
        assert it.server.asked == []

        # An operator takes the root away: nothing is made anew, and what is left still serves.
        del it.server.objects["/api/v1/namespaces/prod/secrets/shop-lattice-root"]
        job = it.pod("Job/", "shop-lattice-trust-3")
        it.server.service_account(job.mounts["/var/run/secrets/kubernetes.io/serviceaccount"])
        job.run("root", environment=it.api)
        assert it.server.asked == []
        it.start_nats()
        job.run("publish")


def test_without_its_role_the_job_says_what_it_needs(tmp_path):
    with cluster(tmp_path, chart.values("bootstrap")) as it, api_server.serving(allowed=lambda *_: False) as server:
        job = it.pod("Job/", "shop-lattice-trust")
        server.service_account(job.mounts["/var/run/secrets/kubernetes.io/serviceaccount"])
        api = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.port)}
        said = job.run("root", expect=4, environment=api)
        assert "needs a Role" in said and "is forbidden" in said, said


def test_the_notes_lead_to_a_lattice(tmp_path):
    with cluster(tmp_path, chart.values("default")) as it:
        it.follow_notes()
        it.start_nats()
        it.pod("Job/", "shop-lattice-trust").run("publish")
        pod = it.pod("Deployment/", "shop-lattice-cloud-0")
        host = start_host(pod)
        pod.until_ready("host", host)
        # From where the operator's key is.
        it.cli("--lattice", "default", "key", "root", "root", "--nats-url", it.url)
        assert pod.name in it.cli("--context", "default", "get", "hosts")
        assert pod.stop(host) == 0, pod.log("host")


def test_a_host_that_is_enrolled_by_hand_keeps_its_own_key(tmp_path):
    with cluster(tmp_path, chart.values("secrets")) as it:
        it.follow_notes()
        it.start_nats()
        it.cli("--lattice", "vault", "key", "root", "root", "--nats-url", it.url)
        it.cli("--context", "vault", "key", "publish", "root/bundle.jwt")
        pod = it.pod("StatefulSet/shop-lattice-keyed", "shop-lattice-keyed-0", ["data"])
        assert pod.start("host").wait(timeout=60) == 4, pod.log("host")
        command = re.search(r"lattice (key enroll .*--key N\w+)", pod.log("host"))[1]
        it.cli("--context", "vault", *shlex.split(command))
        made = it.folder / pod.name
        it.node.secrets[f"{pod.name}-identity"] = {
            "host.jwt": (made / "data/host.jwt").read_bytes(), "nats.creds": (made / "nats.creds").read_bytes(),
        }
        assert not (made / "data/host.seed").exists()
        host = pod.start("host")
        pod.until_ready("host", host)
        assert pod.name in it.cli("--context", "vault", "get", "hosts")
        assert pod.stop(host) == 0, pod.log("host")
