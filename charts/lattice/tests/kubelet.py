"""Runs containers of rendered pods as plain processes on this machine.

What a kubelet does is done as far as a process can tell: volumes are folders, Secrets are files that the group can read,
`$(NAME)` is replaced, init containers come first. Paths of mounts become those of the folders, `0.0.0.0` becomes the pod's
own address on the loopback, and names of Services become addresses of pods.
"""

import base64
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

PROGRAMS = {
    "/usr/local/bin/lattice": "LATTICE_BIN",
    "/usr/local/bin/lattice-host": "LATTICE_HOST_BIN",
    None: "LATTICE_NATS_SERVER",
}


def program(path):
    variable = PROGRAMS[path]
    found = os.environ.get(variable)
    assert found and os.access(found, os.X_OK), f"{variable} names no program: run these tests by `cargo xtask chart`"
    return found


class Node:
    """A machine: its folder, the Secrets and ConfigMaps it can see, the names it can resolve."""

    def __init__(self, folder, objects, network):
        self.folder, self.network, self.names, self.secrets, self.running = folder, network, {}, {}, []
        self.maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}

    def learn_secrets(self, server):
        for name, secret in server.secrets().items():
            self.secrets[name] = {key: base64.b64decode(text) for key, text in secret["data"].items()}

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()


class Pod:
    """A pod on a node. Its volumes stay as long as it does, whatever its containers do."""

    def __init__(self, node, name, spec, claims=()):
        self.node, self.name, self.spec = node, name, spec
        self.folder = node.folder / name
        self.address = f"{node.network}.{len(list(node.folder.iterdir())) + 1}"
        self.folder.mkdir()
        self.mounts = {}
        for volume in spec["volumes"] + [{"name": claim, "emptyDir": {}} for claim in claims]:
            (self.folder / volume["name"]).mkdir()
        for container in spec.get("initContainers", []) + spec["containers"]:
            for mount in container.get("volumeMounts", []):
                path = self.folder / mount["name"]
                if "subPathExpr" in mount:
                    path = path / mount["subPathExpr"].replace("$(POD_NAME)", name)
                self.mounts[mount["mountPath"]] = path

    def mount(self):
        """Fills the volumes, as it happens before containers start."""
        for volume in self.spec["volumes"]:
            folder = self.folder / volume["name"]
            if "secret" in volume:
                secret = volume["secret"]
                self.write(folder, self.node.secrets[secret["secretName"]], secret.get("items"))
            elif "configMap" in volume:
                data = self.node.maps[volume["configMap"]["name"]]
                here = {key: self.here(text).encode() for key, text in data.items()}
                self.write(folder, here, volume["configMap"].get("items"))
            for source in volume.get("projected", {}).get("sources", []):
                secret = source.get("secret")
                if secret and (not secret["optional"] or secret["name"] in self.node.secrets):
                    self.write(folder, self.node.secrets[secret["name"]], secret["items"])
        for path in self.mounts.values():
            path.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def write(folder, data, items):
        for item in items or [{"key": key, "path": key} for key in data]:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(data[item["key"]])
            # As a group of volumes (fsGroup) makes it.
            path.chmod(0o440)

    def here(self, text):
        """What is written for inside the pod, for this machine."""
        # In one go: a folder on this machine may begin like a mount.
        paths = "|".join(re.escape(path) for path in sorted(self.mounts, key=len, reverse=True))
        text = re.sub(rf"(?<![\w/])({paths})(?=[/\s\"]|$)", lambda found: str(self.mounts[found[1]]), text)
        names = "|".join(re.escape(name) for name in sorted(self.node.names, key=len, reverse=True))
        text = re.sub(rf"(?<=//)({names})(?=:)", lambda found: self.node.names[found[1]], text)
        return text.replace("0.0.0.0", self.address)

    def container(self, name):
        return next(c for c in self.spec.get("initContainers", []) + self.spec["containers"] if c["name"] == name)

    def start(self, name, environment=None):
        """Starts a container and gives back its process. Its output is in a file of its own."""
        self.mount()
        container = self.container(name)
        variables = {}
        for variable in container.get("env", []):
            variables[variable["name"]] = self.value(variable, variables)
        words = [self.expand(word, variables) for word in container.get("args", [])]
        command = [program(container.get("command", [None])[0]), *map(self.here, words)]
        variables = {key: self.here(text) for key, text in variables.items()}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env={"PATH": "/nowhere", **variables, **(environment or {})}, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )
        self.node.running.append(process)
        return process

    def run(self, name, expect=0, **how):
        """Runs a container that ends, and gives back what it said."""
        code = self.start(name, **how).wait(timeout=120)
        assert code == expect, f"{self.name}: {name} ended with {code}\n{self.log(name)}"
        return self.log(name)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def value(self, variable, before):
        if "value" in variable:
            return self.expand(variable["value"], before)
        source = variable["valueFrom"]
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            return self.name
        secret = source["secretKeyRef"]
        return self.node.secrets[secret["name"]][secret["key"]].decode()

    @staticmethod
    def expand(text, variables):
        return re.sub(r"\$\((\w+)\)", lambda found: variables.get(found[1], found[0]), text)

    def probe(self, container, kind):
        """The status of a probe; 0 when nobody listens."""
        spec = self.container(container)
        http = spec[kind]["httpGet"]
        port = next(port["containerPort"] for port in spec["ports"] if port["name"] == http["port"])
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}{http['path']}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def until_ready(self, container, process, within=90):
        end = time.monotonic() + within
        while (status := self.probe(container, "readinessProbe")) != 200:
            assert process.poll() is None, f"{self.name} ended with {process.poll()}\n{self.log(container)}"
            assert time.monotonic() < end, f"{self.name} is not ready ({status})\n{self.log(container)}"
            time.sleep(0.1)

    def stop(self, process):
        """As Kubernetes stops a pod, and what it ended with."""
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=self.spec["terminationGracePeriodSeconds"])
