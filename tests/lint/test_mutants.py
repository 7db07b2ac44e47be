"""The table of safeguards stays true: every one can still be taken out, and every test that is named exists."""
import importlib.machinery
import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_tool():
    """tools/mutate, which has no ending, as a module."""
    loader = importlib.machinery.SourceFileLoader("mutate", str(ROOT / "tools" / "mutate"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
    sys.modules["mutate"] = module
    loader.exec_module(module)
    return module


mutate = load_tool()

GOOD = """
[[mutant]]
name = "a_check"
guards = "It would break."
file = "worker/a.c"
find = 'if (bad)'
put = 'if (false)'
red = ["unit/test_a::a_case"]
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with one safeguard and one test, and a table of it: complain(change of the table) -> complaints."""
    (tmp_path / "worker").mkdir()
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "worker" / "a.c").write_text("if (bad)\n    return;\nif (good)\n", encoding="utf-8")
    (tmp_path / "tests" / "unit" / "test_a.c").write_text("static void a_case(void **state)\n", encoding="utf-8")

    def complain(table):
        (tmp_path / "table.toml").write_text(table, encoding="utf-8")
        return list(mutate.complaints(mutate.load_tables(tmp_path), tmp_path))

    return complain


def test_every_safeguard_can_be_taken_out_and_every_test_that_is_named_exists(capsys):
    assert mutate.check(mutate.load_tables()) == 0, capsys.readouterr().err


def test_a_good_row_is_fine(tree):
    assert tree(GOOD) == []


@pytest.mark.parametrize(
    "change, said",
    [
        (("if (bad)", "if (gone)"), "0 times"),
        (("find = 'if (bad)'", "find = 'if ('"), "2 times"),
        (("worker/a.c", "worker/b.c"), "0 times"),
        (("put = 'if (false)'", "put = 'if (bad)'"), "changes nothing"),
        (("a_case", "another_case"), "has no another_case"),
        (("unit/test_a::", "unit/test_b::"), "there is no tests/unit/test_b.c"),
        (("unit/test_a::a_case", "unit/anything"), "not folder/test_x"),
        (("It would break.", "no sentence"), "a sentence and a test"),
    ],
)
def test_a_row_that_is_not_true_any_more_is_found(tree, change, said):
    found = tree(GOOD.replace(*change))
    assert len(found) == 1 and said in found[0], found


def test_two_rows_of_one_name_and_unknown_words_are_found(tree):
    assert "2 rows" in tree(GOOD + GOOD)[0]
    with pytest.raises(mutate.Broken):
        tree(GOOD + "colour = 'red'\n")


def test_a_test_that_a_page_names_is_looked_up(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("| a promise | `flow/test_x`, `test_y`; the table in `unit/test_a` |\n", encoding="utf-8")
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_a.c").touch()
    assert list(mutate.named_in_page(page)) == ["flow/test_x.py", "flow/test_x.py::test_y", "unit/test_a"]


# --- what counts as red -----------------------------------------------------------------------------------------------

FAILED_IN_C = "[ RUN      ] a_case\n[  FAILED  ] a_case\n"
HUNG_IN_C = "[ RUN      ] a_case\n"
SET_UP = "___ ERROR at setup of test_a_case ___\n1 error in 0.1s"
TAKEN_DOWN = "___ ERROR at teardown of test_a_case ___\n1 passed, 1 error in 0.1s"


def verdict(name, code, text, hangs=False):
    runner = mutate.Runner(verbose=False)
    runner._run = lambda command: (code, text)
    try:
        return runner.is_red(mutate.TestId.parse(name), hangs)
    except mutate.Broken:
        return "look"


@pytest.mark.parametrize(
    "code, text, said, said_of_one_that_hangs",
    [
        (0, "1 passed in 0.1s", False, False),
        (1, "1 failed in 0.1s", True, True),
        (1, TAKEN_DOWN, True, True),
        (1, SET_UP, "look", True),
        (None, "interrupted", "look", True),
        (0, "1 skipped in 0.1s", "look", "look"),
    ],
)
def test_only_a_verdict_of_pytest_counts(code, text, said, said_of_one_that_hangs):
    name = "flow/test_a.py::test_a_case"
    assert (verdict(name, code, text), verdict(name, code, text, hangs=True)) == (said, said_of_one_that_hangs)


@pytest.mark.parametrize(
    "code, text, said, said_of_one_that_hangs",
    [
        (8, FAILED_IN_C, True, True),
        (8, HUNG_IN_C, True, True),
        (8, HUNG_IN_C + "1/1 Test #1: unit/test_a ***Timeout", "look", True),
        (None, HUNG_IN_C, "look", True),
        (8, FAILED_IN_C.replace("a_case", "another"), False, False),
    ],
)
def test_only_a_verdict_of_a_program_counts(code, text, said, said_of_one_that_hangs):
    name = "unit/test_a::a_case"
    assert (verdict(name, code, text), verdict(name, code, text, hangs=True)) == (said, said_of_one_that_hangs)
