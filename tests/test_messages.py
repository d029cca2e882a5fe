"""The two catalogues hold the same sentences, and the source asks for no others."""

import ast
import inspect
import json
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tripadvance_core import errors
from tripadvance_core.messages import LANGUAGES, Language, catalogue, sentence

PROJECT = Path(__file__).parents[1]
LOCALES = PROJECT / "tripadvance_core" / "locales"
PACKAGES = ("tripadvance_core", "flows", "ui", "deployments")
CODE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+")
CODE_IN_TEMPLATE = re.compile(r"""say\(["']([A-Z0-9_]+)["'](?! ~)""")
BEGINNING_OF_CODES = re.compile(r"""["']([A-Z_]+_)["'{]""")
# Written like codes, but the names of environment variables.
VARIABLES = re.compile(
    "(TRIPADVANCE|MONGODB|PREFECT|GRADIO|HF|OMP|GOMP|OPENBLAS|ARROW|MALLOC)_.*"
    "|DO_NOT_TRACK"
)
# What takes a code first and the values for its places by name.
ASKING = {"say", "sentence"} | {
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.TripAdvanceError)
}


def sources(ending: str) -> dict[str, str]:
    """Return every file of the product that ends so: path in the project → text."""
    return {
        file.relative_to(PROJECT).as_posix(): file.read_text(encoding="utf-8")
        for package in PACKAGES
        for file in (PROJECT / package).rglob(f"*{ending}")
    }


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def codes_in_python() -> Iterator[tuple[str, str]]:
    for path, text in sources(".py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                code = node.value
                if CODE.fullmatch(code) and not VARIABLES.fullmatch(code):
                    yield f"{path}:{node.lineno}", code


def codes_in_templates() -> Iterator[tuple[str, str]]:
    for path, text in sources(".html").items():
        for code in CODE_IN_TEMPLATE.findall(text):
            yield path, code


def calls_with_values() -> Iterator[tuple[str, str, set[str]]]:
    """Give the place in the source, the code, and the names of the values."""
    for path, text in sources(".py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and _called(node) in ASKING and node.args:
                code = node.args[0]
                names = [keyword.arg for keyword in node.keywords]
                if isinstance(code, ast.Constant) and None not in names:
                    yield f"{path}:{node.lineno}", code.value, {*map(str, names)}


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def test_languages_have_the_same_areas() -> None:
    areas = [{file.name for file in (LOCALES / name).iterdir()} for name in LANGUAGES]
    assert all(area == areas[0] for area in areas)


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_stands_in_one_area_and_once(language: Language) -> None:
    codes: Counter[str] = Counter()
    for file in (LOCALES / language).iterdir():
        json.loads(
            file.read_text(encoding="utf-8"),
            object_pairs_hook=lambda pairs: codes.update(code for code, _ in pairs),
        )
    assert [code for code, times in codes.items() if times > 1] == []


def test_languages_have_the_same_codes_with_the_same_places() -> None:
    found = [
        {code: places(text) for code, text in catalogue(language).items()}
        for language in LANGUAGES
    ]
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentence_is_not_empty(language: Language) -> None:
    assert [code for code, text in catalogue(language).items() if not text] == []


def test_every_code_in_the_source_has_a_sentence() -> None:
    raised = [(where, code) for where, code, _ in calls_with_values()]
    asked = [*raised, *codes_in_python(), *codes_in_templates()]
    assert len(asked) > 100
    assert [(where, code) for where, code in asked if code not in catalogue("en")] == []


def test_every_place_of_a_sentence_is_given_a_value() -> None:
    lacking = [
        (where, code, lacks)
        for where, code, names in calls_with_values()
        if (lacks := places(catalogue("en").get(code, "")) - names)
    ]
    assert lacking == []


def test_every_sentence_is_asked_for() -> None:
    text = "\n".join([*sources(".py").values(), *sources(".html").values()])
    beginnings = tuple(BEGINNING_OF_CODES.findall(text))
    words = set(re.findall(r"\w+", text.upper()))
    unused = [
        code
        for code in catalogue("en")
        if code not in words and not code.startswith(beginnings)
    ]
    assert unused == []


def test_sentence_fills_its_places() -> None:
    text = sentence("SETTING_INVALID", "en", variable="TRIPADVANCE_SEED", problem="no")
    assert text.startswith("TRIPADVANCE_SEED cannot be used: no.")


@pytest.mark.parametrize("count", [1, "1"])
def test_one_is_no_plural(count: int | str) -> None:
    assert sentence("WEB_MODEL_DATA_MORE", "pt-BR", count=count) == "e mais 1 arquivo"
    assert sentence("WEB_MODEL_DATA_MORE", "en", count=count) == "and 1 more file"


@pytest.mark.parametrize("count", [0, 2, "1.000"])
def test_all_other_counts_are_plural(count: int | str) -> None:
    known = sentence("WEB_MODEL_DATA_MORE", "pt-BR", count=count)
    assert known == f"e mais {count} arquivos"


def test_word_after_a_count_has_both_forms() -> None:
    specs = {
        (code, spec)
        for language in LANGUAGES
        for code, text in catalogue(language).items()
        for _, _, spec, _ in string.Formatter().parse(text)
        if spec and not re.fullmatch(r"[^|]+\|[^|]+", spec)
    }
    assert specs == set()
