"""The checks find what they are for, and leave alone what is allowed."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import banned  # noqa: E402
import sources  # noqa: E402
import tree  # noqa: E402

TESTS = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", TESTS.parent / "build" / "dev"))

NOTHING_RAN = 5  # pytest's exit code

KNOWN = ["worker/base/text.h", "worker/wire/kafka.h", "worker/stage/apply.h", "worker/stage/decode.h",
         "worker/config.h", "worker/config/setting.h", "worker/lane.h", "worker/batch.h",
         "worker/domain/plan.h", "tests/support/check.h"]


def law(path, included):
    return list(tree.check_law(path, f'#include "{included}"\n', KNOWN))


def test_includes_to_the_left_are_found():
    assert law("worker/base/text.c", "domain/plan.h")
    assert law("worker/domain/plan.c", "wire/kafka.h")
    assert law("worker/wire/kafka.c", "config.h")
    assert law("worker/wire/kafka.c", "stage/apply.h")
    assert law("worker/stage/apply.c", "lane.h")
    assert law("worker/stage/apply.c", "stage/decode.h")
    assert law("worker/lane.c", "config/setting.h")
    assert law("worker/lane.c", "../tests/support/check.h")


def test_includes_to_the_right_are_fine():
    for path, included in [("worker/lane.c", "stage/apply.h"), ("worker/stage/apply.c", "batch.h"),
                           ("worker/stage/apply.c", "config.h"), ("worker/stage/apply_rows.c", "stage/apply.h"),
                           ("worker/wire/kafka_x.c", "wire/kafka.h"), ("worker/config/load.c", "config/setting.h"),
                           ("worker/domain/plan.c", "base/text.h"), ("worker/batch.c", "wire/kafka.h")]:
        assert law(path, included) == []


def test_a_foreign_header_has_one_owner():
    one = {"worker/wire/a.c": "#include <yaml.h>\n", "worker/wire/b.c": "// #include <yaml.h>\n"}
    assert list(tree.check_owners(one)) == []
    assert list(tree.check_owners({**one, "worker/wire/c.h": "#include <yaml.h>\n"}))
    assert list(tree.check_owners({"worker/domain/a.c": "#include <yaml.h>\n"}))
    assert list(tree.check_owners({"worker/domain/a.c": "#include <string.h>\n"})) == []


def function(lines):
    return "int long_one(int a,\n             int b)\n{\n" + "    a++;\n" * (lines - 4) + "}\n"


def test_sizes_are_measured():
    assert sources.functions(function(70)) == [("long_one", 1, 70)]
    assert list(tree.check_sizes("x.c", function(70))) == []
    assert list(tree.check_sizes("x.c", function(71)))
    assert list(tree.check_sizes("x.c", "\n" * 601))
    assert list(tree.check_sizes("tests/x.c", "\n" * 601)) == []
    assert list(tree.check_sizes("tests/x.c", "\n" * 801))


def test_tables_and_structs_are_no_functions():
    assert sources.functions("static const int table[] = {\n    1,\n};\nstruct x\n{\n    int a;\n};\n") == []


def test_openings_guards_and_marks():
    assert list(tree.check_opening("worker/a.c", '#include "b.h"\n', ["worker/b.h"]))
    assert list(tree.check_opening("worker/a.h", "#ifndef X\n", ["worker/a.h"]))
    assert list(tree.check_opening("worker/a.c", '#include "a.h"\n', ["worker/a.h"])) == []
    assert list(tree.check_opening("worker/a.c", "/* What it is for. */\n", [])) == []
    assert list(tree.check_guard("worker/wire/a.h", "#ifndef PROVD_A_H\n#define PROVD_A_H\n"))
    assert list(tree.check_guard("worker/wire/a.h", "#ifndef PROVD_WIRE_A_H\n#define PROVD_WIRE_A_H\n")) == []
    assert list(tree.check_marks("a.md", "is " + "TO" + "DO later"))
    assert list(tree.check_marks("a.md", "mentions a " + "TO" + "DOLIST")) == []


def test_banned_calls_are_found_where_they_are_calls():
    found = banned.check("worker/wire/a.c", 'strcpy(a, b); /* strcat(a, b) */ puts("gets(x)");\n  atoi (x);\n')
    assert [f.split(" ")[0:2] for f in found] == [["worker/wire/a.c:1:", "strcpy"], ["worker/wire/a.c:2:", "atoi"]]


def test_names_that_only_contain_a_banned_one_are_fine():
    assert banned.check("worker/a.c", "snprintf(a); my_system(b); p->signal(c); x.exit(d); lane_exit(e);") == []


def test_exceptions_are_for_one_file():
    assert banned.check("worker/base/arena.c", "longjmp(x, 1);") == []
    assert banned.check("worker/base/map.c", "longjmp(x, 1);")


def test_code_only_keeps_lines():
    text = "a /* b\n c */ \"d\\\"e\" 'f' // g\nh\n"
    assert sources.code_only(text).count("\n") == text.count("\n")
    assert "e" not in sources.code_only(text) and "h" in sources.code_only(text)


# --- what is skipped --------------------------------------------------------------------------------------------------


def run(command, ci):
    """Without the stack, which all of these would need."""
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(("DATABASE_", "KAFKA_"))}
    done = subprocess.run(command, env={**kept, "PYTHONPATH": str(TESTS), **({"CI": "true"} if ci else {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "def test_it(): pytest.skip('no server')",
        "pytestmark = pytest.mark.skipif(True, reason='no server')\ndef test_it(): pass",
        "pytest.skip('no server', allow_module_level=True)",
    ],
    ids=["call", "mark", "module"],
)
def test_a_skip_fails_under_ci_with_its_reason(tmp_path, text):
    (tmp_path / "test_x.py").write_text(f"import pytest\n{text}\ndef test_another(): pass\n", encoding="ascii")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", tmp_path]
    assert run(command, ci=False)[0] in (0, NOTHING_RAN)
    code, printed = run(command, ci=True)
    assert code not in (0, NOTHING_RAN) and "CI runs every test: Skipped: no server" in printed, printed


def test_what_cannot_apply_may_be_skipped(tmp_path):
    text = "import pytest\ndef test_it(): pytest.skip('this release wants all workers stopped')\n"
    (tmp_path / "test_x.py").write_text(text, encoding="ascii")
    assert run([sys.executable, "-m", "pytest", "-q", "-p", "conftest", tmp_path], ci=True)[0] == 0


def test_a_skip_in_c_fails_under_ci_with_its_reason():
    command = [BUILD / "tests" / "unit" / "test_postgres_failures"]
    assert run(command, ci=False)[0] == 0
    code, printed = run(command, ci=True)
    assert code != 0 and "skipped: no DATABASE_URL" in printed, printed
