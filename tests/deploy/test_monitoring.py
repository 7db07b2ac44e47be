"""The alerts fire when they must, the dashboard and the alerts ask for metrics that exist, the unit is a sandbox."""
import json
import re
import subprocess

import pytest
import requests
from support.provd import Worker
from support.stack import ROOT
from support.waiting import wait_until

DEPLOY = ROOT / "deploy"
EXPOSURE_MAX = 1.5
METRIC = re.compile(r"\b(?:provd|process)_[a-z0-9_]+")
OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def promtool(*arguments, cwd=DEPLOY / "alerts"):
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def known_metrics():
    """Names that /metrics declares, also those without a series yet."""
    away = "127.0.0.1:1"
    worker = Worker({
        "kafka.brokers": away, "database.url": f"postgresql://{away}/none", "schemas.directory": str(ROOT / "schemas"),
    }).start(wait=False)  # fmt: skip
    wait_until(lambda: worker.get("/livez").status_code == requests.codes.ok, what="/livez")
    text = worker.get("/metrics").text
    assert worker.stop() == 0
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def rules():
    done = promtool("check", "rules", "provd.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    return (DEPLOY / "alerts" / "provd.yml").read_text(encoding="utf-8")


def test_alerts_fire_when_they_must_and_only_then():
    done = promtool("test", "rules", "tests.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested():
    alerts = set(re.findall(r"- alert: (\w+)", rules()))
    tests = (DEPLOY / "alerts" / "tests.yml").read_text(encoding="utf-8")
    fired = {name for name, expected in re.findall(r"alertname: (\w+)\n\s+exp_alerts:(.*)", tests) if not expected.strip()}
    assert alerts and alerts == fired


def test_alerts_ask_for_metrics_that_exist(known_metrics):
    asked = {OF_A_HISTOGRAM.sub("", name) for name in METRIC.findall(rules())}
    assert asked and asked <= known_metrics


def test_dashboard_asks_for_metrics_that_exist(known_metrics):
    dashboard = json.loads((DEPLOY / "grafana" / "provd.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked = {OF_A_HISTOGRAM.sub("", name) for text in expressions for name in METRIC.findall(text)}
    assert len(expressions) > 15 and asked <= known_metrics


def test_dashboard_takes_its_data_source_from_a_variable():
    dashboard = json.loads((DEPLOY / "grafana" / "provd.json").read_text(encoding="utf-8"))
    assert [v["name"] for v in dashboard["templating"]["list"] if v["type"] == "datasource"] == ["datasource"]
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["description"], panel["title"]


def test_expressions_of_the_dashboard_are_promql(tmp_path):
    dashboard = json.loads((DEPLOY / "grafana" / "provd.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    plain = [
        e.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$instance", ".*") for e in expressions
    ]
    file = tmp_path / "rules.yml"
    file.write_text(
        json.dumps({"groups": [{"name": "x", "rules": [{"record": f"x{i}", "expr": e} for i, e in enumerate(plain)]}]}),
        encoding="utf-8",
    )
    done = promtool("check", "rules", "--lint=none", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_unit_is_a_sandbox():
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(DEPLOY / "systemd" / "provd.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for provd\.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found.group(1)) <= EXPOSURE_MAX


def test_credentials_of_the_unit_are_settings():
    """LoadCredential gives a file of the setting's name; one of another name would be ignored."""
    unit = (DEPLOY / "systemd" / "provd.service").read_text(encoding="utf-8")
    table = (ROOT / "worker" / "config" / "settings.c").read_text(encoding="utf-8")
    names = re.findall(r"^LoadCredential=(\S+)", unit, re.MULTILINE)
    assert len(names) > 3
    for name in names:
        assert re.search(rf'STRING\("{re.escape(name)}"', table), name
