"""provd as its operator and the service manager meet it: the command line, the processes, HTTP. Its servers are away."""
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest
import requests
from support.provd import CRASHES, SANITIZER_OPTIONS, Worker, binary, process_state
from support.waiting import wait_until

RUN_LIMIT_S = 30
AWAY = "127.0.0.1:1"
SETTINGS = {
    "kafka.brokers": AWAY,
    "database.url": f"postgresql://nobody@{AWAY}/none",
    "schemas.directory": str(pathlib.Path(__file__).resolve().parents[2] / "schemas"),
    "lanes": 2,
}


def run(*arguments, **environment):
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False,
        env={**SANITIZER_OPTIONS, "PATH": os.environ["PATH"], **environment},
    )  # fmt: skip


@pytest.fixture
def worker():
    made = Worker(SETTINGS).start(wait=False)
    yield made
    made.destroy()
    made.check_log()


def is_there(pid):
    """Runs; a zombie does not."""
    return process_state(pid) not in (None, "Z")


def wait_alive(worker):
    wait_until(lambda: worker.get("/livez").status_code == requests.codes.ok, what="/livez")
    return worker.wait_lanes(2)


# --- command line -----------------------------------------------------------------------------------------------------


def test_help_shows_examples_on_stdout():
    done = run("--help")
    assert done.returncode == 0 and "Examples:" in done.stdout and done.stderr == ""


def test_version_names_number_and_commit():
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("provd ") and done.stdout.count("\n") == 1


def test_wrong_option_is_a_usage_error():
    done = run("--nonsense")
    assert done.returncode == os.EX_USAGE and "provd --help" in done.stderr and done.stdout == ""


def test_check_config_needs_no_server(tmp_path):
    file = tmp_path / "provd.yaml"
    file.write_text(
        f"kafka: {{brokers: '{AWAY}'}}\ndatabase: {{url: 'postgresql://{AWAY}/x'}}\nschemas: {{directory: {tmp_path}}}\n",
        encoding="utf-8",
    )
    done = run("--config", str(file), "--check-config")
    assert (done.returncode, done.stdout) == (0, "provd: the settings are valid\n")


def test_wrong_settings_are_named_with_their_place(tmp_path):
    file = tmp_path / "provd.yaml"
    file.write_text("kafka:\n  brokerz: x\n", encoding="utf-8")
    for arguments in (["--check-config"], []):
        done = run("--config", str(file), *arguments)
        assert done.returncode == os.EX_CONFIG
        assert f"{file}:2:" in done.stderr and "kafka.brokers" in done.stderr


def test_missing_brokers_are_missed():
    done = run("--set", f"database.url=postgresql://{AWAY}/x")
    assert done.returncode == os.EX_CONFIG and "kafka.brokers is not set" in done.stderr


def test_port_in_use_ends_the_start():
    with socket.create_server(("127.0.0.1", 0)) as other:
        worker = Worker({**SETTINGS, "http.port": other.getsockname()[1]}).start(wait=False)
        assert worker.process.wait(RUN_LIMIT_S) == os.EX_UNAVAILABLE
        assert "another program listens there" in worker.log_text()
        assert "lane started" not in worker.log_text()


def test_misspelt_variable_is_warned_of():
    worker = Worker(SETTINGS, environment={"PROVD_KAFKA_GROUPID": "x", "PROVD_ALLOW_PTRACE": "1"})
    worker.start(wait=False)
    wait_alive(worker)
    assert worker.stop() == 0
    assert "PROVD_KAFKA_GROUPID" in worker.log_text()
    assert "PROVD_ALLOW_PTRACE" not in worker.log_text()


# --- processes --------------------------------------------------------------------------------------------------------


def test_servers_that_are_away_make_it_unready_and_not_dead(worker):
    wait_alive(worker)
    for lane in (0, 1):
        wait_until(lambda lane=lane: f"lane {lane} waits: " in worker.get("/readyz").text, what=f"the reason of lane {lane}")
    answer = worker.get("/readyz")
    assert answer.status_code == requests.codes.service_unavailable
    assert answer.text.startswith("lane 0 waits: ") and AWAY.partition(":")[0] in answer.text
    assert worker.metric("provd_paused", reason="waiting") == 2
    assert worker.get("/livez").status_code == requests.codes.ok
    assert worker.stop() == 0


def test_lanes_show_their_names(worker):
    pids = wait_alive(worker)

    def named():  # a lane names itself, a moment after it was made
        names = [pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii") for pid in pids]
        assert sorted(names) == ["provd-lane-0\n", "provd-lane-1\n"]
        return True

    wait_until(named)


def test_killed_lane_is_replaced(worker):
    before = wait_alive(worker)
    killed = worker.kill_lane(0)
    worker.wait_lanes(1, not_among=before)
    assert not is_there(killed)
    assert worker.metric("provd_lane_restarts_total") == 1
    assert sorted(worker.lane_pids()) != sorted(before)


def test_lanes_end_after_their_parent_was_killed(worker):
    lanes = wait_alive(worker)
    worker.kill_parent()
    wait_until(lambda: not any(is_there(pid) for pid in lanes), what="the end of the lanes")


def test_stopped_and_thawed_worker_keeps_its_lanes(worker):
    before = wait_alive(worker)
    worker.freeze()
    worker.thaw()
    wait_until(lambda: worker.get("/livez").status_code == requests.codes.ok, what="/livez")
    assert worker.lane_pids() == before
    assert worker.stop() == 0


def test_processes_leave_no_core(worker):
    for pid in [worker.process.pid, *wait_alive(worker)]:
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]


def test_sigint_stops_it_as_on_a_terminal(worker):
    lanes = wait_alive(worker)
    os.killpg(worker.process.pid, signal.SIGINT)  # Ctrl-C reaches all of them at once
    assert worker.process.wait(RUN_LIMIT_S) == 0
    assert not any(is_there(pid) for pid in lanes)


def test_reload_says_what_changed_and_what_waits_for_a_restart(worker):
    wait_alive(worker)
    worker.write_settings(batch__max_wait="9ms", kafka__group_id="other")
    worker.reload()
    wait_until(lambda: "settings reloaded" in worker.log_text(), what="the reload")
    lines = [json.loads(line) for line in worker.log_text().splitlines() if "setting" in line]
    said = {(line["message"], line.get("setting")) for line in lines}
    assert ("setting changed", "batch.max_wait") in said
    assert ("setting needs a restart", "kafka.group_id") in said


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_metrics_please_promtool(worker):
    wait_alive(worker)
    answer = worker.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=answer.text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_only_get_and_head_of_four_paths(worker):
    wait_alive(worker)
    address = f"http://127.0.0.1:{worker.port}"
    assert worker.get("/version").json()["name"] == "provd"
    assert worker.get("/").status_code == requests.codes.not_found
    assert requests.post(f"{address}/livez", data=b"x", timeout=5).status_code == requests.codes.not_allowed
    head = requests.head(f"{address}/version", timeout=5)
    assert head.status_code == requests.codes.ok and head.content == b"" and int(head.headers["Content-Length"]) > 0


# --- what all tests rely on -------------------------------------------------------------------------------------------


@pytest.fixture
def crashing():
    """As `worker`; its end is the test's."""
    made = Worker(SETTINGS).start(wait=False)
    made.wait_lanes(2)
    made.check_log()
    yield made
    made.destroy()


@pytest.mark.parametrize("number", CRASHES)
def test_a_lane_that_crashed_fails_its_test_although_it_is_started_again(crashing, number):
    (victim, _) = crashing.lane_pids()
    os.kill(victim, number)
    wait_until(lambda: "lane died" in crashing.log_text(), what="its parent tells")
    with pytest.raises(AssertionError, match="a lane crashed"):
        crashing.check_log()


def test_a_lane_that_was_killed_has_not_crashed(crashing):
    (victim, _) = crashing.lane_pids()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: "lane died" in crashing.log_text(), what="its parent tells")
    crashing.check_log()


def test_a_parent_that_crashed_fails_its_test_although_it_was_started_again(crashing):
    crashing.process.send_signal(signal.SIGSEGV)
    crashing.process.wait(RUN_LIMIT_S)
    crashing.start(wait=False)
    with pytest.raises(AssertionError, match="provd crashed: SIGSEGV"):
        crashing.check_log()
