"""Are settings read from the right place, and is everything that is wrong with them said with its place?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from processors.settings import Settings, SettingsError, kafka_client_arguments, load_settings

SECRET = "open-sesame"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [f"MULTICHANNEL_{name.upper()}" for name in Settings.model_fields] + ["MULTICHANNEL_SETTINGS_FILE"]:
        monkeypatch.delenv(name, raising=False)


def complaint(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_without_anything_set_the_defaults_of_the_contract_hold() -> None:
    settings = load_settings()
    assert (settings.subscriptions_per_customer_max, settings.partners_per_customer_max, settings.pairs_per_customer_max) == (
        2_000,
        200,
        20_000,
    )
    assert settings.remembered_event_ids_per_customer == 100
    assert settings.licence_transfer_from == datetime(2024, 6, 1, tzinfo=UTC)


def test_the_environment_wins_over_the_file_and_an_option_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("multichannel.toml").write_text('topic_prefix = "file"\napplication_id = "file"\nlog_level = "ERROR"\n')
    monkeypatch.setenv("MULTICHANNEL_TOPIC_PREFIX", "environment")
    monkeypatch.setenv("MULTICHANNEL_APPLICATION_ID", "environment")
    settings = load_settings(application_id="option")
    assert (settings.log_level, settings.topic_prefix, settings.application_id) == ("ERROR", "environment", "option")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("multichannel.toml").write_text('topic_prefix = "file"\n')
    monkeypatch.setenv("MULTICHANNEL_TOPIC_PREFIX", "")
    assert load_settings().topic_prefix == "file"


def test_a_named_file_is_read_instead_of_the_one_in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("multichannel.toml").write_text('topic_prefix = "folder"\n')
    Path("other.toml").write_text('topic_prefix = "named"\n')
    monkeypatch.setenv("MULTICHANNEL_SETTINGS_FILE", "other.toml")
    assert load_settings().topic_prefix == "named"


def test_lists_are_split_at_commas_in_the_environment_and_may_be_lists_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", "a:9092, [::1]:9093")
    Path("multichannel.toml").write_text('schema_registry_urls = ["http://a/", "https://b"]\n')
    settings = load_settings()
    assert settings.kafka_bootstrap_servers == ("a:9092", "[::1]:9093")
    assert settings.schema_registry_urls == ("http://a", "https://b")


@pytest.mark.parametrize(("told", "meant"), [("off", None), ("2023-01-01T02:00:00+02:00", datetime(2023, 1, 1, tzinfo=UTC))])
def test_licence_transfer_is_an_instant_or_off(monkeypatch: pytest.MonkeyPatch, told: str, meant: datetime | None) -> None:
    monkeypatch.setenv("MULTICHANNEL_LICENCE_TRANSFER_FROM", told)
    assert load_settings().licence_transfer_from == meant


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVER", "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS"),
        ("MULTICHANNEL_TOPICPREFIX", "MULTICHANNEL_TOPIC_PREFIX"),
        ("multichannel_topic_prefix", "MULTICHANNEL_TOPIC_PREFIX"),
        ("MULTICHANNEL_SETTING_FILE", "MULTICHANNEL_SETTINGS_FILE"),
    ],
)
def test_a_mistyped_variable_stops_the_start_and_names_the_nearest(monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str) -> None:
    monkeypatch.setenv(variable, SECRET)
    text = complaint()
    assert variable in text
    assert text.endswith(nearest)
    assert SECRET not in text


def test_a_mistyped_key_of_the_file_stops_the_start_and_names_the_nearest() -> None:
    Path("multichannel.toml").write_text('kafka_sasl_pasword = "open-sesame"\n')
    text = complaint()
    assert "multichannel.toml, key kafka_sasl_pasword" in text
    assert text.endswith("the nearest is kafka_sasl_password")
    assert SECRET not in text


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("subscriptions_per_customer_max", "many", "a number"),
        ("subscriptions_per_customer_max", "0", "greater than or equal to 1"),
        ("kafka_bootstrap_servers", "localhost", "host:port"),
        ("kafka_bootstrap_servers", "localhost:70000", "host:port"),
        ("schema_registry_urls", "localhost:8081", "http://"),
        ("kafka_security_protocol", "TLS", "'SSL'"),
        ("licence_transfer_from", "2024-06-01T00:00:00", "an instant like 2024-06-01T00:00:00Z, or off"),
        ("licence_transfer_from", "17", "an instant"),
        ("topic_prefix", "a b", "letters, digits"),
        ("application_id", "a/b", "letters, digits"),
        ("kafka_heartbeat_interval_ms", "5000", "at most 3333"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: str
) -> None:
    variable = f"MULTICHANNEL_{name.upper()}"
    monkeypatch.setenv(variable, value)
    text = complaint()
    assert f"{variable}: found " in text
    assert value in text
    assert wanted in text


def test_a_wrong_value_of_the_file_is_named_with_file_and_key() -> None:
    Path("multichannel.toml").write_text("partners_per_customer_max = true\n")
    assert "multichannel.toml, key partners_per_customer_max: found True, wanted a number" in complaint()


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("MULTICHANNEL_HEALTH_PORT", "-1")
    text = complaint()
    assert "MULTICHANNEL_LOG_LEVEL" in text
    assert "MULTICHANNEL_HEALTH_PORT" in text


@pytest.mark.parametrize("content", ["topic_prefix = ", "\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(content: str) -> None:
    Path("multichannel.toml").write_bytes(content.encode("latin-1"))
    assert "multichannel.toml" in complaint()


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_SETTINGS_FILE", "gone.toml")
    assert "MULTICHANNEL_SETTINGS_FILE=gone.toml: found a file that is not there" in complaint()


def test_login_data_without_a_protocol_that_uses_them_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SASL_PASSWORD", SECRET)
    text = complaint()
    assert "MULTICHANNEL_KAFKA_SASL_PASSWORD: found a value, wanted SASL_SSL" in text
    assert SECRET not in text


def test_sasl_without_login_data_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    text = complaint()
    for name in ("MECHANISM", "USERNAME", "PASSWORD"):
        assert f"MULTICHANNEL_KAFKA_SASL_{name}: found nothing" in text


def test_a_certificate_file_without_tls_or_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SSL_CA_FILE", "ca.pem")
    text = complaint()
    assert "wanted SSL or SASL_SSL as kafka_security_protocol" in text
    assert "a file that can be read" in text


def test_a_certificate_file_that_is_no_certificate_is_refused_when_it_is_used() -> None:
    Path("ca.pem").write_text("no certificate")
    settings = load_settings(kafka_security_protocol="SSL", kafka_ssl_ca_file=Path("ca.pem"))
    with pytest.raises(SettingsError, match=r"kafka_ssl_ca_file: found 'ca.pem', wanted certificates in PEM form"):
        kafka_client_arguments(settings, ["localhost:9093"])


def test_a_password_in_a_url_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_SCHEMA_REGISTRY_URLS", f"https://user:{SECRET}@registry")
    text = complaint()
    assert "without user and password" in text
    assert SECRET not in text


def test_secrets_are_printed_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SASL_PASSWORD", SECRET)
    settings = load_settings(kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="PLAIN", kafka_sasl_username="worker")
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert kafka_client_arguments(settings, ["localhost:9092"])["sasl_plain_password"] == SECRET


def test_without_a_server_the_client_arguments_say_which_setting_is_missing() -> None:
    with pytest.raises(SettingsError, match="MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS: found nothing"):
        kafka_client_arguments(load_settings())


def test_an_option_that_is_wrong_is_named_as_an_option() -> None:
    assert "option --topic-prefix" in complaint(topic_prefix="a b")
