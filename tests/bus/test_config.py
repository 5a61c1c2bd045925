"""Where the bus connects to: every key of the guide's config dict, and the settings without one."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus, RabbitMQOrchestrationAgent, settings
from orchestration.bus.address import Address, address_of
from orchestration.bus.link import link_to
from orchestration.bus.tls import Tls, cure_of
from orchestration.errors import ConfigurationError, RejectedError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST"):
        monkeypatch.delenv(name, raising=False)


def parameters(config: dict[str, Any] | None) -> pika.connection.Parameters:
    return address_of(config).parameters("test")


def test_every_key_of_the_guide_is_honoured() -> None:
    found = parameters(
        {
            "host": "rabbit.example",
            "port": 5673,
            "username": "amc trader/user",
            "password": "p@ss:w/rd%",
            "virtual_host": "/amc_trader",
            "heartbeat": 600,
            "blocked_connection_timeout": 300,
        }
    )
    assert (found.host, found.port, found.virtual_host) == ("rabbit.example", 5673, "/amc_trader")
    assert found.credentials == pika.PlainCredentials("amc trader/user", "p@ss:w/rd%")
    assert (found.heartbeat, found.blocked_connection_timeout) == (600, 300)
    assert found.ssl_options is None


@pytest.mark.parametrize("config", [None, {}])
def test_the_default_is_guest_on_this_machine(config: dict[str, Any] | None) -> None:
    found = parameters(config)
    assert (found.host, found.port, found.virtual_host) == ("localhost", 5672, "/")
    assert found.credentials == pika.PlainCredentials("guest", "guest")
    assert (found.heartbeat, found.blocked_connection_timeout) == (5, 60)


def test_without_a_config_the_settings_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_HOST", "elsewhere")
    monkeypatch.setenv("RABBITMQ_VHOST", "/amc_trader")
    assert parameters(None).host == "elsewhere"
    assert parameters(None).virtual_host == "/amc_trader"
    assert parameters({"username": "me"}).host == "localhost"


def test_tls_has_a_port_of_its_own_and_checks_the_host_s_name() -> None:
    context = ssl.create_default_context()
    found = parameters({"host": "rabbit.example", "ssl_options": context})
    assert found.port == 5671
    assert found.ssl_options is not None
    assert found.ssl_options.context is context
    assert found.ssl_options.server_hostname == "rabbit.example"
    options = pika.SSLOptions(context)
    assert parameters({"ssl_options": options, "port": 5679}).ssl_options is options
    assert parameters({"ssl_options": options, "port": 5679}).port == 5679


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (
            {"hots": "x", "prot": 1},
            ["unknown key 'hots'", "unknown key 'prot'", "known keys: host"],
        ),
        ({"port": 0}, ["port"]),
        ({"port": "x"}, ["port"]),
        ({"host": ""}, ["host"]),
        ({"ssl_options": {"a": 1}}, ["ssl_options"]),
        ({"heartbeat": -1}, ["heartbeat"]),
        ({"blocked_connection_timeout": 0}, ["blocked_connection_timeout"]),
    ],
)
def test_a_wrong_config_is_refused_by_name(config: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        AgentMessageBus("agent", config)
    assert all(part in str(refused.value) for part in named)


def test_a_password_is_never_shown() -> None:
    address = address_of({"password": "s3cret-word", "port": 1})
    assert "s3cret-word" not in f"{address!r} {address.place}"
    with pytest.raises(ConfigurationError) as refused:
        address_of({"password": ["s3cret-word"]})
    assert "s3cret-word" not in str(refused.value)


def test_equal_configs_share_an_address() -> None:
    assert address_of({}) == address_of({"host": "localhost", "port": 5672})
    assert len({address_of({}), address_of({"username": "other"})}) == 2
    assert address_of({"host": "::1"}).place == "amqp://::1:5672/%2F"
    assert Address("amqps://a/b").place == "amqps://a:5671/b"


@pytest.mark.parametrize("url", ["amqp://a", "amqp://u:p@a/", "amqps://a:1/%2F", "amqp://a/b"])
def test_a_server_has_the_name_that_workers_and_status_give_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url)
    assert Address(url).place == settings.load().transport


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 101, "é"])
def test_a_name_that_cannot_be_routed_is_refused(name: str) -> None:
    with pytest.raises(RejectedError, match="letters, digits"):
        AgentMessageBus(name)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"heartbeat": 1, "max_workflows": 2}, ["unknown key 'heartbeat'", "'max_workflows'"]),
        ({"heartbeat_interval": 0}, ["heartbeat_interval"]),
        ({"max_concurrent_workflows": 0}, ["max_concurrent_workflows"]),
        ({"rabbitmq": {"hots": 1}}, ["hots"]),
        ({"rabbitmq": "localhost"}, ["rabbitmq"]),
    ],
)
def test_the_orchestrator_s_config_is_checked_too(config: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RabbitMQOrchestrationAgent(config)
    assert all(part in str(refused.value) for part in named)


def test_the_orchestrator_tells_which_outside_agents_its_app_does_not_declare(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ORCHESTRATION_APP", "examples.warehouse")
    monkeypatch.setenv("OUTSIDE_AGENTS", "warehuose_agent")
    RabbitMQOrchestrationAgent()
    assert "unknown agent 'warehuose_agent'; known: warehouse_agent" in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("RABBITMQ_CA_FILE", None, "RABBITMQ_CA_FILE: No such file"),
        ("RABBITMQ_CERT_FILE", None, "RABBITMQ_CERT_FILE: No such file"),
        ("RABBITMQ_CA_FILE", "none", "RABBITMQ_CA_FILE: no certificate in PEM form"),
        ("RABBITMQ_CERT_FILE", "none", "use a certificate and its own key"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_before_anything_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    file = tmp_path / "file.pem"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("RABBITMQ_URL", "amqps://guest:guest@127.0.0.1:1/v")
    monkeypatch.setenv(name, str(file))
    for make in (lambda: AgentMessageBus("agent"), RabbitMQOrchestrationAgent):
        with pytest.raises(ConfigurationError, match=says):
            make()


def test_a_file_that_is_gone_later_is_told_to_who_connects(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "gone.pem")

    async def connect() -> None:
        await link_to(Address("amqps://guest:guest@127.0.0.1:1/v", tls=tls)).join()

    with pytest.raises(ConfigurationError, match="RABBITMQ_CA_FILE: No such file"):
        asyncio.run(connect())


def test_a_certificate_that_has_expired_is_told_from_one_that_nobody_knows() -> None:
    expired, unknown = ssl.SSLCertVerificationError(), ssl.SSLCertVerificationError()
    expired.verify_code, unknown.verify_code = 10, 20
    assert "renew it" in cure_of([expired], encrypted=True)
    assert "RABBITMQ_CA_FILE" in cure_of([unknown], encrypted=True)
