"""A wrong setting is one clear line; a secret is never part of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.errors import ConfigurationError
from orchestration.settings import load, misspelt, origins

SECRETS = ("pa", "ssword", "12", "34")


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:pa#ssword@host",
        "amqp://user:12#34@host",
        "amqp://user:pa/ssword@host/v",
        "amqp://user:12/34@host/v",
        "amqp://user:12?34@host/v",
        "amqp://user:pa%ssword@host/v",
        "amqp://user:12@[34/v",
        "amqp://user:12@a host/v",
        "amqp://user:12@host:99999/v",
    ],
)
@pytest.mark.parametrize("name", ["RABBITMQ_URL", "DATABASE_URL", "REDIS_URL"])
def test_an_address_that_cannot_be_read_is_named_and_not_repeated(name: str, url: str) -> None:
    given = url.replace("amqp", "postgresql") if name == "DATABASE_URL" else url
    with pytest.raises(ConfigurationError, match=f"^{name}: is no address.*percent-enc") as error:
        load({name: given})
    told = str(error.value).replace("password", "")
    assert not any(secret in told for secret in SECRETS)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RABBITMQ_URL", "http://host", "expected one amqp://"),
        ("RABBITMQ_URL", "amqp://", "expected one amqp://"),
        ("RABBITMQ_URL", "amqp://one,two/v", "expected one amqp://"),
        ("RABBITMQ_URL", "amqp://a@one/;amqp://b@two/", "expected one amqp://"),
        ("RABBITMQ_HOST", "host:5673", "RABBITMQ_PORT"),
        ("RABBITMQ_HOST", "a b;c", "expected one host"),
        ("DATABASE_URL", "sqlite:///", "names no file"),
        ("DATABASE_URL", "sqlite:////", "names no file"),
        ("DATABASE_URL", "sqlite:rel.db", "names no file"),
        ("DATABASE_URL", "mysql://x", "use sqlite:///path or postgresql://"),
        ("REDIS_URL", "http://host", "expected redis://"),
        ("REDIS_URL", "redis://", "expected redis://"),
        ("DISCOVERY_COMMAND", "rq 'worker", "No closing quotation"),
        ("WORKFLOW_TIMEOUT", "inf", "at most 10 years"),
        ("WORKFLOW_TIMEOUT", "1e300", "at most 10 years"),
        ("WORKFLOW_TIMEOUT", "1e9", "at most 10 years"),
        ("WORKFLOW_TIMEOUT", "nan", "NaN"),
        ("WORKFLOW_TIMEOUT", "0", "positive"),
        ("RETENTION_DAYS", "inf", "less than or equal to 3650"),
        ("RETENTION_DAYS", "nan", "3650"),
        ("POLYGON_URL", "api.polygon.io", "expected https://host"),
        ("POLYGON_URL", "ftp://api.polygon.io", "expected https://host"),
        ("POLYGON_URL", "https://", "expected https://host"),
        ("POLYGON_URL", "https://one,two", "expected https://host"),
        ("YAHOO_URL", "https://me@yahoo.example", "expected https://host"),
        ("YAHOO_URL", "https://yahoo.example?apikey=x", "expected https://host"),
        ("ALPHA_VANTAGE_URL", "https://[::1", "expected https://host"),
        ("ALPHA_VANTAGE_RATE", "25", "such as 5/minute or 25/day,1/second"),
        ("ALPHA_VANTAGE_RATE", "0/day", "such as 5/minute"),
        ("ALPHA_VANTAGE_RATE", "5/day,", "such as 5/minute"),
        ("POLYGON_RATE", "5/fortnight", "such as 5/minute"),
        ("MARKET_TIMEOUT", "0", "positive"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: .*{says}"):
        load({name: value})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pa%25ss@h:5432/d?sslmode=require",
        "postgres:///d",
        "postgresql://u@h1:5432,h2/d",
        "postgresql://u@[::1]:5432/d",
        "sqlite:///relative.db",
        "sqlite:////absolute/store.db",
    ],
)
def test_what_is_an_address_is_taken_as_it_stands(url: str) -> None:
    assert load({"DATABASE_URL": url}).store_url == url


def test_a_host_and_its_parts_make_an_address() -> None:
    found = load({"RABBITMQ_HOST": "[::1]", "RABBITMQ_PASS": "p#%@"} | {"WORKFLOW_TIMEOUT": "1.5"})
    assert found.broker_url == "amqp://guest:p%23%25%40@[::1]:5672/%2F"
    assert found.transport == "amqp://::1:5672/%2F"
    assert found.workflow_timeout == timedelta(seconds=1.5)


def test_the_files_of_tls_are_paths_and_encrypt_a_broker_that_is_given_in_parts() -> None:
    found = load({"RABBITMQ_HOST": "h", "RABBITMQ_CA_FILE": "/ca.pem"})
    assert found.rabbitmq_ca_file == Path("/ca.pem")
    assert found.broker_url == "amqps://guest:guest@h:5671/%2F"
    assert found.transport == "amqps://h:5671/%2F"
    assert load({"RABBITMQ_HOST": "h"}).broker_url == "amqp://guest:guest@h:5672/%2F"
    url = "amqps://h:5679/v"
    assert load({"RABBITMQ_URL": url, "RABBITMQ_CA_FILE": "/ca.pem"}).broker_url == url
    assert load({"RABBITMQ_CA_FILE": "/ca.pem"}).broker_url is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"RABBITMQ_URL": "amqp://h", "RABBITMQ_CA_FILE": "a"}, "begin with amqps://"),
        ({"CLOUDAMQP_URL": "amqp://h", "RABBITMQ_CERT_FILE": "a"}, "begin with amqps://"),
        ({"RABBITMQ_URL": "amqps://h", "RABBITMQ_KEY_FILE": "a"}, "set RABBITMQ_CERT_FILE too"),
        (
            {"RABBITMQ_URL": "amqps://h?ssl_options=%7B'ca_certs'%3A'a'%7D"},
            "ssl_options would not check the server: set RABBITMQ_CA_FILE",
        ),
    ],
)
def test_encryption_is_never_silently_weaker_than_what_was_asked_for(
    values: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(values)


def test_a_command_is_split_into_words_without_a_shell() -> None:
    found = load({"DISCOVERY_COMMAND": "rq worker 'my queue' --url $RQ"})
    assert found.discovery_command == ("rq", "worker", "my queue", "--url", "$RQ")
    assert load({}).discovery_hook == ()


def test_the_password_of_redis_is_masked() -> None:
    found = load({"REDIS_URL": "rediss://:long-secret@host:6380/1"})
    assert found.masked(b"a long-secret b") == b"a *** b"


def test_a_secret_is_masked_in_every_form_in_which_it_is_written() -> None:
    found = load(
        {"RABBITMQ_URL": "amqp://u:p%40ss-word-long@h/", "POLYGON_API_KEY": 'sl/ash"quote"s3crét'}
    )
    for form in (
        "p%40ss-word-long",
        "p@ss-word-long",
        'sl/ash"quote"s3crét',
        r"sl/ash\"quote\"s3crét",
        r"sl\/ash\"quote\"s3cr\u00e9t",
    ):
        assert found.mask(f"a {form} b") == "a *** b"


def test_a_short_secret_is_masked_where_it_is_a_word() -> None:
    found = load({"RABBITMQ_URL": "amqp://u:tree@h/", "POLYGON_API_KEY": "a+b/c"})
    assert found.mask("tree, 'tree' (tree) trees a+b/c") == "***, '***' (***) trees ***"
    assert found.mask(r'{"key": "a+b\/c", "tree_1": 1}') == '{"key": "***", "tree_1": 1}'


def test_the_password_that_everybody_knows_is_no_secret() -> None:
    assert load({"RABBITMQ_URL": "amqp://guest:guest@h/"}).mask("guest") == "guest"


def test_a_vendors_key_may_lie_in_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("polygon-key-0123\n")
    found = load({"POLYGON_API_KEY_FILE": str(file), "POLYGON_URL": "http://127.0.0.1:8/below/"})
    assert found.polygon_api_key
    assert found.polygon_api_key.get_secret_value() == "polygon-key-0123"
    assert found.polygon_url == "http://127.0.0.1:8/below"
    assert "0123" not in repr(found)
    assert found.masked(b"?apiKey=polygon-key-0123") == b"?apiKey=***"


@pytest.mark.parametrize("name", ["URL", "HOST", "APP", "HOME", "TRUSTED_PROXIES"])
def test_what_is_no_secret_comes_from_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"ORCHESTRATION_{name} is no secret: set it, and unset"
    ):
        load({f"ORCHESTRATION_{name}_FILE": str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://a/x", ("https://a/x",)),
        ("https://a/x, http://b:1/y,", ("https://a/x", "http://b:1/y")),
        ("mailto://u:p@h?to=a,b,slack://t/u", ("mailto://u:p@h?to=a,b", "slack://t/u")),
    ],
)
def test_alerts_go_to_a_list_of_addresses(given: str, read: tuple[str, ...]) -> None:
    assert load({"ALERT_URLS": given}).alert_addresses == read


@pytest.mark.parametrize(
    "given",
    ["nowhere-secret", "https://a/x,https:///secret", "://secret", "http://a:9999999/secret"],
)
def test_what_is_no_address_is_numbered_and_not_repeated(given: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^ALERT_URLS: address \d (is none|names no)"
    ) as error:
        load({"ALERT_URLS": given})
    assert "secret" not in str(error.value)


def test_the_addresses_of_alerts_are_secrets() -> None:
    found = load({"ALERT_URLS": "https://a/s3cr3t1,https://b/s3cr3t2"})
    assert found.masked(b"https://a/s3cr3t1 x https://b/s3cr3t2") == b"*** x ***"
    assert "s3cr3t" not in repr(found)
    assert load({}).alert_addresses == ()


def test_a_project_names_its_app_and_the_environment_wins(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    assert load({}, project).app == "actors"
    assert origins({}, project)["orchestration_app"] == "default"

    project.write_text('[tool.orchestration]\napp = "shop"\n')
    assert load({}, project).app == "shop"
    assert load({"ORCHESTRATION_APP": ""}, project).app == "shop"
    assert origins({}, project)["orchestration_app"] == str(project)

    told = {"ORCHESTRATION_APP": "stall"}
    assert load(told, project).app == "stall"
    assert origins(told, project)["orchestration_app"] == "ORCHESTRATION_APP"


@pytest.mark.parametrize("text", ["", "[tool.ruff]\n", "tool = 3\n", "[project]\nname = 'x'\n"])
def test_a_project_that_says_nothing_of_an_app_has_the_default_one(
    text: str, tmp_path: Path
) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(text)
    assert load({}, project).app == "actors"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool", "correct it, or set ORCHESTRATION_APP"),
        ("[tool.orchestration]\n", 'write app = "module"'),
        ("[tool.orchestration]\napp = 3\n", 'write app = "module"'),
        ("[tool.orchestration]\napp = ''\n", 'write app = "module"'),
        ("[tool.orchestration]\napp = 'x'\nhome = 'y'\n", "and nothing else"),
    ],
)
def test_a_project_that_is_wrong_says_what_to_write(text: str, says: str, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(text)
    with pytest.raises(ConfigurationError, match=says) as error:
        load({}, project)
    assert str(project) in str(error.value)
    assert load({"ORCHESTRATION_APP": "shop"}, project).app == "shop"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RABITMQ_URL", "RABBITMQ_URL"),
        ("RABBITMQ_ULR", "RABBITMQ_URL"),
        ("RABBITMQ_URI", "RABBITMQ_URL"),
        ("rabbitmq_url", "RABBITMQ_URL"),
        ("RABITMQ_URL_FILE", "RABBITMQ_URL_FILE"),
        ("WORKFLOW_TIEMOUT", "WORKFLOW_TIMEOUT"),
        ("MAX_CONCURENT_WORKFLOWS", "MAX_CONCURRENT_WORKFLOWS"),
        ("OUTSIDE_AGENT", "OUTSIDE_AGENTS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("REDIS_ULR", "REDIS_URL"),
        ("LOG_LEVLE", "LOG_LEVEL"),
    ],
)
def test_a_variable_that_is_very_like_a_setting_is_doubted(name: str, meant: str) -> None:
    told = f"{name} is not a setting: did you mean {meant}?"
    assert misspelt({name: "x", "HOME": "/root"}) == [told]
    assert misspelt({name: ""}) == []
    assert misspelt({name: "x", meant: "y"}) == [], "then it is another program's"


@pytest.mark.parametrize(
    "name",
    [
        "RABBITMQ_NODENAME",
        "RABBITMQ_HOME",
        "RABBITMQ_BASE",
        "RABBITMQ_NODE_PORT",
        "RABBITMQ_LOGS",
        "RABBITMQ_CONFIG_FILE",
        "RABBITMQ_PID_FILE",
        "RABBITMQ_DEFAULT_USER",
        "RABBITMQ_SERVICE_HOST",
        "RABBITMQ_PORT_5672_TCP",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "OTEL_SERVICE_VERSION",
        "PORT_8080",
        "REDIS_HOST",
        "REDIS_TLS_URL",
        "HOSTNAME",
        "LOGNAME",
        "LOG_LEVEL",
        "DATABASE_URL_FILE",
    ],
)
def test_what_is_another_program_s_or_a_setting_is_not_doubted(name: str) -> None:
    assert misspelt({name: "x"}) == []
