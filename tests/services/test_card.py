"""The card of a model: everything that is needed to judge it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.errors import NotFound
from tripadvance_core.messages import LANGUAGES, Language


@pytest.fixture
def two_nights(open_house: Callable[..., Any]) -> Any:
    house = open_house(min_partition_bytes=1)
    house.upload(rows=300, name="a|b <b>.csv")
    house.upload(rows=300)
    house.run_until_done()
    return house


@pytest.mark.parametrize("language", LANGUAGES)
def test_card_tells_data_scores_panels_and_decision(
    two_nights: Any, language: Language
) -> None:
    card = two_nights.services.cards.card("v2").markdown(language)
    model = two_nights.services.registry.version("v2")
    assert model.id in card
    for proof in model.panels:
        assert proof.digest in card
    assert all(feature in card.replace("\\|", "|") for feature in model.features)
    assert model.decision.gates
    assert card.count("✓") + card.count("HOLD") >= len(model.decision.gates)
    assert "█" in card


def test_name_of_a_file_cannot_break_the_card(two_nights: Any) -> None:
    card = two_nights.services.cards.card("v1").markdown("en")
    assert "a\\|b &lt;b>.csv" in card


def test_card_is_written_in_the_format_of_its_language(two_nights: Any) -> None:
    card = two_nights.services.cards.card("v2")
    assert "%" in card.markdown("en")
    percent = next(
        line for line in card.markdown("pt-BR").split("\n") if "MASTER |" in line
    )
    assert "," in percent


def test_card_as_json_has_the_same_facts(two_nights: Any) -> None:
    card = two_nights.services.cards.card("v2")
    document = json.loads(json.dumps(card.document()))
    assert document["model"]["number"] == 2
    assert [upload["rows_kept"] for upload in document["uploads"]] == [300, 300]
    (decision,) = document["decisions"]
    assert decision["decision"]["gates"]
    classes = document["price_classes"]
    assert sum(one["rows"] for one in classes) == card.model.holdout_rows
    prices = [one["price_from"] for one in classes]
    assert prices == sorted(prices)


def test_unknown_model_has_no_card(two_nights: Any) -> None:
    with pytest.raises(NotFound, match="MODEL_NOT_FOUND"):
        two_nights.services.cards.card("v9")
