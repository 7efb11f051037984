"""The image that the chart runs."""

import re
import subprocess
import sys
from pathlib import Path

import chart

ROOT = chart.FOLDER.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([hadolint, "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_programs_and_user_are_those_of_the_chart():
    installed = set(re.findall(r"/usr/local/bin/[a-z-]+", DOCKERFILE))
    for name in chart.NAMES:
        for who, spec, _ in chart.pods(chart.render(chart.values(name))):
            ours = [c for c in chart.containers(spec) if "lattice" in c["image"]]
            assert {c["command"][0] for c in ours} <= installed, who
    assert "USER 65532:65532" in DOCKERFILE


def test_what_programs_are_built_from_is_not_left_out():
    left_out = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    members = re.search(r"members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.S)[1]
    for member in re.findall(r'"([^"]+)"', members) + ["wit", "Cargo.lock"]:
        assert member.split("/")[0] not in left_out, member
