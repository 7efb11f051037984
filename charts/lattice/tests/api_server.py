"""As much of a Kubernetes API server as Helm and `lattice key root` ask for: discovery, and objects by their path."""

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme
import yaml

RESOURCES = {
    "v1": {
        "configmaps": "ConfigMap", "namespaces": "Namespace", "pods": "Pod", "secrets": "Secret", "services": "Service",
        "serviceaccounts": "ServiceAccount",
    },
    "apps/v1": {"daemonsets": "DaemonSet", "deployments": "Deployment", "statefulsets": "StatefulSet"},
    "batch/v1": {"jobs": "Job"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "rbac.authorization.k8s.io/v1": {"roles": "Role", "rolebindings": "RoleBinding"},
}
MONITORS = {"monitoring.coreos.com/v1": {"podmonitors": "PodMonitor"}}
TOKEN = "token-of-the-service-account"


class ApiServer(ThreadingHTTPServer):
    """Serves on a free port until it is closed. `objects` is what is stored, by path; `asked` every write."""

    daemon_threads = True

    def __init__(self, resources, allowed=lambda method, path: True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.resources, self.allowed = resources, allowed
        self.objects, self.asked, self.revision, self.lock = {}, [], 0, threading.Lock()
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self):
        return self.server_address[1]

    def secrets(self):
        return {path.rpartition("/")[2]: one for path, one in self.objects.items() if "/secrets/" in path}

    def service_account(self, folder):
        """What Kubernetes mounts into a pod."""
        folder.mkdir(parents=True, exist_ok=True)
        self.authority.cert_pem.write_to_path(str(folder / "ca.crt"))
        (folder / "namespace").write_text("prod")
        (folder / "token").write_text(TOKEN)

    def kubeconfig(self, folder):
        self.authority.cert_pem.write_to_path(str(folder / "ca.crt"))
        path = folder / "kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(folder / "ca.crt"),
            }}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "prod"}}],
        }))
        return path


@contextmanager
def serving(monitors=False, **how):
    server = ApiServer(RESOURCES | (MONITORS if monitors else {}), **how)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/version":
            return self.answer(200, {"major": "1", "minor": "33", "gitVersion": "v1.33.0"})
        if path == "/api":
            return self.answer(200, {"kind": "APIVersions", "versions": ["v1"]})
        if path == "/apis":
            return self.answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(self.server.resources)})
        if path.startswith("/openapi/v3"):
            version = path.removeprefix("/openapi/v3").removeprefix("/apis/").removeprefix("/api/")
            return self.answer(200, openapi(version, self.server.resources))
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in self.server.resources:
            return self.answer(200, resource_list(version, self.server.resources[version]))
        return self.with_objects(path, self.read)

    def do_POST(self):
        self.write()

    def do_PUT(self):
        self.write()

    def do_PATCH(self):
        self.write()

    def do_DELETE(self):
        self.read_body()
        path = self.path.partition("?")[0]
        self.with_objects(path, lambda path, objects: (200, {"kind": "Status", "status": "Success"})
                          if objects.pop(path, None) else missing(path))

    def read(self, path, objects):
        if path in objects:
            return 200, objects[path]
        if path.rpartition("/")[2] in {plural for kinds in self.server.resources.values() for plural in kinds}:
            below = [one for at, one in objects.items() if at.startswith(path + "/")]
            return 200, {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": below}
        return missing(path)

    def write(self):
        body = yaml.safe_load(self.read_body())
        path = self.path.partition("?")[0]
        if self.command == "POST":
            path = f"{path}/{body['metadata']['name']}"

        def store(path, objects):
            known = objects.get(path)
            if self.command == "POST" and known:
                return status(409, "AlreadyExists", f"{path} already exists")
            if self.command == "PUT" and not known:
                return missing(path)
            given = body["metadata"].get("resourceVersion")
            if known and given not in (None, known["metadata"]["resourceVersion"]):
                return status(409, "Conflict", "the object has been modified")
            self.server.revision += 1
            one = {**(known or {}), **body} if self.command == "PATCH" else body
            one["metadata"] = {**one["metadata"], "resourceVersion": str(self.server.revision), "uid": path, "namespace": "prod"}
            objects[path] = one
            return (200 if known else 201), one

        self.with_objects(path, store)

    def with_objects(self, path, act):
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.answer(*status(401, "Unauthorized", "Unauthorized"))
        with self.server.lock:
            if self.command != "GET":
                self.server.asked.append((self.command, path))
            if not self.server.allowed(self.command, path):
                return self.answer(*status(403, "Forbidden", f"{self.command} {path} is forbidden"))
            return self.answer(*act(path, self.server.objects))

    def read_body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def status(code, reason, message):
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}


def missing(path):
    return status(404, "NotFound", f"{path} not found")


def groups(resources):
    entries = [{"groupVersion": version, "version": version.rpartition("/")[2]} for version in resources if "/" in version]
    return [
        {"name": entry["groupVersion"].rpartition("/")[0], "versions": [entry], "preferredVersion": entry}
        for entry in entries
    ]


def resource_list(version, kinds):
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
        "resources": [
            {"name": plural, "singularName": kind.lower(), "namespaced": kind != "Namespace", "kind": kind, "verbs": verbs}
            for plural, kind in kinds.items()
        ],
    }


def prefix(version):
    return f"apis/{version}" if "/" in version else f"api/{version}"


def openapi(version, resources):
    """That the server checks fields by itself: Helm asks before it lets it."""
    if version not in resources:
        return {"paths": {prefix(one): {"serverRelativeURL": f"/openapi/v3/{prefix(one)}"} for one in resources}}
    group, _, number = version.rpartition("/")
    return {
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.33.0"},
        "paths": {
            f"/{prefix(version)}/namespaces/{{namespace}}/{plural}/{{name}}": {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                    "x-kubernetes-group-version-kind": {"group": group, "version": number, "kind": kind},
                    "responses": {},
                }
            }
            for plural, kind in resources[version].items()
        },
    }
