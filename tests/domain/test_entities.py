"""What entities say for themselves."""

from tripadvance_core.domain.entities import Evidence


def test_evidence_writes_its_figures_as_its_reader_does() -> None:
    evidence = Evidence(code="PRICES_OFF_LEVEL", details={"ratio": 5.43, "rows": 1_200})
    assert "(1.200 linhas)" in evidence.sentence("pt-BR")
    assert " 5,43 vezes" in evidence.sentence("pt-BR")
    assert " 5.43 times" in evidence.sentence("en")
