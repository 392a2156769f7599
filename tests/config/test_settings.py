"""What a good file becomes, and who wins: defaults, file, environment."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import jsonschema_rs
import pytest

from tieline.adapters.config import diff, explain, json_schema, load, read
from tieline.adapters.config.marks import parse
from tieline.connectors import discover
from tieline.kit.errors import Rejected

_GOOD = Path(__file__).parent / "northwind.yaml"


def test_a_tax_rate_is_exactly_what_is_written_even_without_quotes() -> None:
    firm = load(_GOOD, {}, discover()).tenants["northwind"].firm
    assert str(firm.tax_rate("DE01", "STANDARD")) == "0.20"
    assert firm.tax_rate("NO", "EXEMPT") == Decimal(0)


def test_the_country_norway_is_not_the_word_no() -> None:
    firm = load(_GOOD, {}, discover()).tenants["northwind"].firm
    assert firm.legal_entities["NO"].country == "NO"


def test_a_role_may_be_played_by_one_system_for_all_and_another_for_one_legal_entity() -> None:
    firm = load(_GOOD, {}, discover()).tenants["northwind"].firm
    assert [firm.system_for("erp", entity) for entity in ("DE01", "NO")] == ["books", "netsuite"]
    assert firm.system_for("clm", "NO") == "ironclad"


def test_secrets_stay_references() -> None:
    systems = load(_GOOD, {}, discover()).tenants["northwind"].systems
    assert systems["ironclad"].secret_refs == {"client_secret": "env:IRONCLAD_SECRET"}
    assert systems["books"].secret_refs == {"api_key": "file:/run/secrets/tryton"}


def test_the_environment_wins_over_the_file_and_says_so() -> None:
    environ = {"TIELINE_LISTEN__PORT": "9000", "TIELINE_TENANTS__NORTHWIND__LEGAL_ENTITIES__DE01__CURRENCY": "CHF"}
    settings = load(_GOOD, environ, discover())
    assert settings.listen.port == 9000
    assert settings.tenants["northwind"].firm.legal_entities["DE01"].currency == "CHF"
    origins = {each.path: each.origin for each in explain(read(_GOOD, environ))}
    assert origins["listen.port"] == "environment variable TIELINE_LISTEN__PORT"
    assert origins["listen.host"] == "default"
    assert origins["home"].endswith("northwind.yaml:1:7")


def test_a_database_url_in_the_environment_becomes_a_reference_to_it() -> None:
    settings = load(None, {"TIELINE_DATABASE__URL": "postgresql://hub:hunter2@db/x"}, {})
    assert settings.database_url_ref == "env:TIELINE_DATABASE__URL"
    assert "hunter2" not in repr(settings)


def test_a_misspelt_environment_variable_is_refused_with_the_nearest_setting() -> None:
    with pytest.raises(Rejected, match=r"there is no setting 'listten'; did you mean TIELINE_LISTEN\?"):
        load(_GOOD, {"TIELINE_LISTTEN__PORT": "1"}, discover())


def test_variables_of_the_command_line_are_left_alone() -> None:
    assert load(_GOOD, {"TIELINE_API_KEY": "tl_x"}, discover()).listen.port == 8600


def test_the_configuration_version_changes_with_every_change_of_a_tenant_and_with_nothing_else(tmp_path: Path) -> None:
    def version(text: str) -> str:
        file = tmp_path / "tieline.yaml"
        file.write_text(text)
        return load(file, {}, discover()).tenants["northwind"].config_version

    good = _GOOD.read_text()
    assert version(good) == version("# a comment\n" + good.replace("/srv/tieline", "/srv/elsewhere"))
    assert version(good) != version(good.replace("[DATA, CLOUD]", "[DATA]"))
    assert version(good) != version(good.replace("{Data: DATA}", "{Data: CLOUD}"))


def test_the_difference_of_two_files_names_each_setting_and_what_it_means() -> None:
    old = parse(_GOOD.read_text(), "old")
    new = parse(_GOOD.read_text().replace('{DE01: books, "*": netsuite}', '{"*": netsuite}'), "new")
    (change,) = diff(old, new)
    assert (change.path, change.before, change.after) == ("tenants.northwind.roles.erp.DE01", "books", None)
    assert "tieline plan" in change.meaning
    assert diff(old, old) == []


def test_the_schema_for_editors_accepts_the_good_file_and_refuses_a_misspelt_key() -> None:
    validator = jsonschema_rs.validator_for(json_schema(discover()))
    good = parse(_GOOD.read_text().replace("STANDARD: 0.20", 'STANDARD: "0.20"'), "good").value
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "hoem": "/srv"})
    system = good["tenants"]["northwind"]["systems"]["books"]
    system["datbase"] = system.pop("database")
    assert not validator.is_valid(good)
