"""Where a setting comes from, what is refused, and that every one is documented."""

import re
from datetime import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from tripadvance_core.errors import SettingRefused
from tripadvance_core.settings import (
    SETTINGS_FILE,
    Settings,
    load_named_settings,
    load_settings,
)

PROJECT = Path(__file__).parents[1]


def write_toml(data_dir: Path, text: str) -> None:
    (data_dir / SETTINGS_FILE).write_text(text, encoding="utf-8")


def test_default_stands_where_nothing_is_said(tmp_path: Path) -> None:
    assert (
        load_settings(tmp_path).max_leaves
        == Settings.model_fields["max_leaves"].default
    )


def test_file_wins_over_default(tmp_path: Path) -> None:
    write_toml(tmp_path, "max_leaves = 5")
    assert load_settings(tmp_path).max_leaves == 5


def test_environment_wins_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml(tmp_path, "max_leaves = 5")
    monkeypatch.setenv("TRIPADVANCE_MAX_LEAVES", "6")
    assert load_settings(tmp_path).max_leaves == 6


def test_option_wins_over_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPADVANCE_MAX_LEAVES", "6")
    assert load_settings(tmp_path, max_leaves=7).max_leaves == 7


def test_file_is_read_from_the_data_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml(tmp_path, 'base_currency = "BRL"')
    monkeypatch.setenv("TRIPADVANCE_DATA_DIR", str(tmp_path))
    assert load_settings().base_currency == "BRL"


@pytest.mark.parametrize("source", ["environment", "file"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_leaves", "1"),
        ("min_gain", "1.5"),
        ("window_start", "25:00"),
        ("time_zone", "America/Sao Paulo"),
        ("cron", "at midnight"),
        ("base_currency", "dollars"),
        ("language", "fr"),
        ("web_port", "0"),
        ("prefect_host", "0.0.0.0"),  # noqa: S104
        ("prefect_host", "::"),
        ("prefect_auth", "no colon"),
        ("prefect_auth", "user:"),
        ("prefect_auth", ":password"),
    ],
)
def test_wrong_value_names_the_variable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    name: str,
    value: str,
) -> None:
    variable = f"TRIPADVANCE_{name.upper()}"
    if source == "environment":
        monkeypatch.setenv(variable, value)
    else:
        write_toml(tmp_path, f'{name} = "{value}"')
    with pytest.raises(SettingRefused) as refusal:
        load_settings(tmp_path)
    assert refusal.value.code == "SETTING_INVALID"
    assert refusal.value.details["variable"] == variable
    assert variable in refusal.value.sentence("pt-BR")


def test_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    write_toml(tmp_path, "max_deph = 5")
    with pytest.raises(SettingRefused, match="TRIPADVANCE_MAX_DEPH"):
        load_settings(tmp_path)


def test_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    write_toml(tmp_path, "max_leaves: 5")
    with pytest.raises(SettingRefused, match=SETTINGS_FILE):
        load_settings(tmp_path)


@pytest.mark.parametrize("variable", ["MONGODB_URI", "TRIPADVANCE_MONGODB_URI"])
def test_database_address_is_taken_from_either_variable_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    address = "mongodb://ana:s3cret@db.example/"
    monkeypatch.setenv(variable, address)
    settings = load_settings(tmp_path)
    assert settings.mongodb_uri == SecretStr(address)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


def test_database_address_is_taken_from_the_file(tmp_path: Path) -> None:
    write_toml(tmp_path, 'mongodb_uri = "mongodb://db.example/"')
    assert load_settings(tmp_path).mongodb_uri == SecretStr("mongodb://db.example/")


def test_settings_do_not_change_once_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(tmp_path).max_leaves = 5  # type: ignore[misc]


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_readme_tells_of_every_setting_and_its_default(readme: str) -> None:
    told = re.findall(
        r"^\| `(TRIPADVANCE_\w+)` \| (.+?) \| \S",
        (PROJECT / readme).read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert [name for name, _ in told] == [
        f"TRIPADVANCE_{name.upper()}" for name in Settings.model_fields
    ]
    for (_, default), field in zip(told, Settings.model_fields.values(), strict=True):
        assert field.default_factory or default == written(field.default)


def written(default: object) -> str:
    if default is None:
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:%H:%M}`" if isinstance(default, time) else f"`{default}`"


def settings_file(folder: Path, *lines: str) -> Path:
    file = folder / "new.env"
    file.touch(0o600)
    file.write_text("\n".join(lines))
    return file


def test_settings_of_another_installation_are_its_files_and_not_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPADVANCE_S3_BUCKET", "ours")
    monkeypatch.setenv("TRIPADVANCE_S3_PREFIX", "ours")
    (tmp_path / "there").mkdir()
    write_toml(tmp_path / "there", 's3_prefix = "theirs"\ns3_bucket = "other"')
    address = "mongodb://ana:s3cret$@db.example/"
    file = settings_file(
        tmp_path,
        "# where it goes",
        f"MONGODB_URI={address}",
        f"TRIPADVANCE_DATA_DIR={tmp_path / 'there'}",
        "TRIPADVANCE_S3_BUCKET=theirs",
    )
    there = load_named_settings(file, load_settings(tmp_path))
    assert there.mongodb_uri == SecretStr(address)
    assert (there.s3_bucket, there.s3_prefix) == ("theirs", "theirs")
    assert there.data_dir == tmp_path / "there"


def test_data_folder_that_another_installation_does_not_name_is_ours(
    tmp_path: Path,
) -> None:
    file = settings_file(tmp_path, "TRIPADVANCE_S3_BUCKET=theirs")
    assert load_named_settings(file, load_settings(tmp_path)).data_dir == tmp_path


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("TRIPADVANCE_S3_BUKET=a", "TRIPADVANCE_S3_BUKET"),
        ("TRIPADVANCE_WEB_PORT=0", "TRIPADVANCE_WEB_PORT"),
    ],
)
def test_wrong_line_of_another_installation_is_named(
    tmp_path: Path, line: str, named: str
) -> None:
    with pytest.raises(SettingRefused, match=named):
        load_named_settings(settings_file(tmp_path, line), load_settings(tmp_path))


def test_settings_of_another_installation_that_are_not_there_are_told(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingRefused, match="SETTINGS_FILE_UNREADABLE"):
        load_named_settings(tmp_path / "nowhere", load_settings(tmp_path))


def test_bucket_and_block_at_once_are_refused(tmp_path: Path) -> None:
    assert load_settings(tmp_path, s3_block="fares").s3_block == "fares"
    with pytest.raises(SettingRefused, match="TRIPADVANCE_S3_BLOCK"):
        load_settings(tmp_path, s3_block="fares", s3_bucket="fares")
