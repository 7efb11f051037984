"""The chart as tests see it: Helm's own engine, and what it renders as objects."""

from pathlib import Path

import helm_python
import yaml

FOLDER = Path(__file__).resolve().parent.parent
NAMES = sorted(path.name.removesuffix("-values.yaml") for path in (FOLDER / "ci").glob("*-values.yaml"))
POD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")


def values(name):
    """One entry of the matrix."""
    return yaml.safe_load((FOLDER / "ci" / f"{name}-values.yaml").read_text()) or {}


def render(what, release="shop", **how):
    """Renders and gives back all objects, notes left out."""
    with helm_python.Chart.load(FOLDER) as chart:
        files = chart.render(what, name=release, namespace="prod", **how)
    return parse(text for path, text in files.items() if not path.endswith("NOTES.txt"))


def parse(texts):
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def notes(what):
    with helm_python.Chart.load(FOLDER) as chart:
        files = chart.render(what, name="shop", namespace="prod")
    return files["lattice/templates/NOTES.txt"]


def kind(objects, name):
    return [one for one in objects if one["kind"] == name]


def named(objects, kind_, name):
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind_, name))


def pods(objects):
    """(who, pod's spec, pod's labels) of everything that makes pods."""
    for one in objects:
        if one["kind"] == "Pod":
            yield f"Pod/{one['metadata']['name']}", one["spec"], one["metadata"]["labels"]
        elif one["kind"] in POD_KINDS:
            template = one["spec"]["template"]
            yield f"{one['kind']}/{one['metadata']['name']}", template["spec"], template["metadata"]["labels"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def merge(under, over):
    """Values over values, as Helm puts them together."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {key: merge(under.get(key), value) for key, value in over.items()}
