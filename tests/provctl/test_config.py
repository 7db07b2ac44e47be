"""provctl config: no network, all errors with their place."""
import json

import pytest

from support.secrets import check_noted, plant

CONFIG_ERROR = 78


@pytest.fixture
def config_file(tmp_path):
    def write(text):
        path = tmp_path / "provd.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


GOOD = "kafka:\n  brokers: kafka1:9092\ndatabase:\n  url: postgresql://provd@db/mail\nschemas:\n  directory: /etc/provd/schemas\n"


def test_lint_is_content_with_a_good_file(offline, config_file):
    path = config_file(GOOD)
    assert f"{path}: no errors" in offline("config", "lint", path).err


@pytest.mark.parametrize(
    "text, place, said",
    [
        ("kafka:\n  broker: x\n", ":2:3", "kafka.brokers"),
        ("lanes: many\n", ":1:", "whole number"),
        ("lanes: 1\nlanes: 2\n", ":2:", "lanes"),
        (GOOD + "registry:\n  password: x\n", "", "registry"),
    ],
)
def test_lint_says_where_and_what_is_wrong(offline, config_file, text, place, said):
    ran = offline("config", "lint", config_file(text), code=CONFIG_ERROR)
    assert place in ran.err and said in ran.err and ran.out == ""


def test_lint_warns_of_variables_that_mean_nothing(offline, config_file):
    ran = offline("config", "lint", config_file(GOOD), PROVD_KAFKA_BROKER="x")
    assert "PROVD_KAFKA_BROKER" in ran.err


def test_show_says_sources_and_hides_secrets(offline, config_file):
    path = config_file(GOOD + f"registry:\n  url: http://r\n  username: me\n  password: {plant()}\n")
    ran = offline("config", "show", "--config", path, "--set", "lanes=4")
    assert "***" in ran.out
    check_noted()
    assert any("lanes: 4" in line and "flag" in line for line in ran.out.splitlines())


def test_a_property_for_librdkafka_is_taken_with_x(offline):
    assert "socket.timeout.ms" in offline("config", "show", "-X", "socket.timeout.ms=7000").out
    ran = offline("config", "show", "-X", "group.id=other", code=CONFIG_ERROR)
    assert "kafka.group_id" in ran.err


def test_what_show_prints_can_be_loaded_again(offline, config_file):
    shown = offline("config", "show", "--config", config_file(GOOD)).out
    assert offline("config", "lint", config_file(shown)).code == 0


def test_defaults_load_and_change_nothing(offline, config_file):
    defaults = offline("config", "defaults").out
    without_sources = [line.partition("#")[0] for line in offline("config", "show").out.splitlines()]
    with_file = offline("config", "show", "--config", config_file(defaults)).out.splitlines()
    assert [line.partition("#")[0] for line in with_file] == without_sources


def test_schema_is_json_schema(offline):
    schema = json.loads(offline("config", "schema").out)
    assert schema["$schema"].endswith("2020-12/schema") and "kafka" in schema["properties"]


def test_a_broken_configuration_stops_other_commands_too(offline):
    ran = offline("fence", "show", "--set", "lanes=0", code=CONFIG_ERROR)
    assert "lanes" in ran.err


def test_a_setting_that_a_command_needs_is_named_with_its_variable(offline):
    ran = offline("account", "show", "a@example.org", code=CONFIG_ERROR)
    assert "database.url is not set" in ran.err and "PROVD_DATABASE_URL" in ran.err
