"""TLS connections: trusted authorities, our certificate, and the cure of each failure."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pika

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings

NO_TLS_THERE = "WRONG_VERSION_NUMBER"
NO_TLS = "that port does not speak TLS: use the one that does, usually 5671, or amqp://"
PLAIN = "where that port speaks TLS, usually 5671, use amqps:// (in a config dict: ssl_options)"
UNTRUSTED = (
    "its certificate is not signed by whom we trust: set RABBITMQ_CA_FILE (in a config dict:"
    " ssl_options) to the certificate of the authority that signed it"
)
OTHER_NAME = "its certificate is for another host: connect by a name that the certificate has"
EXPIRED = "its certificate has expired: renew it on the server, and look at both clocks"
CERTIFICATES = {10: EXPIRED, 62: OTHER_NAME, 64: OTHER_NAME}  # by OpenSSL's numbers
UNKNOWN_TO_THE_SERVER = (
    "it wants a client certificate that it trusts: set RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE"
    " (in a config dict: ssl_options) to one that its authority has signed"
)


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of an encrypted connection, in PEM form; they are read at each connection.

    Attributes:
        ca: The authority of the server's certificate; None: any that the system trusts.
        certificate: Our certificate, shown to the server; None: none is shown.
        key: The certificate's key; None: it is in the same file.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def options(self) -> pika.SSLOptions:
        """How to check the server, its name included, and the certificate to show it.

        Raises:
            ConfigurationError: A file cannot be used.
        """
        for name, path in (("CA", self.ca), ("CERT", self.certificate), ("KEY", self.key)):
            check_file(f"RABBITMQ_{name}_FILE", path)
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise ConfigurationError(
                f"RABBITMQ_CA_FILE: no certificate in PEM form in {self.ca}"
            ) from None
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except ssl.SSLError:
                raise ConfigurationError(
                    "RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE: use a certificate and its own key,"
                    " in PEM form and without a passphrase"
                ) from None
        return pika.SSLOptions(context)


BY_THE_SYSTEM = Tls()


def tls_of(settings: Settings) -> Tls:
    """The TLS files that the settings name."""
    return Tls(settings.rabbitmq_ca_file, settings.rabbitmq_cert_file, settings.rabbitmq_key_file)


def check_file(name: str, path: Path | None) -> None:
    """Make sure that a file can be read.

    Raises:
        ConfigurationError: It cannot.
    """
    if path is None:
        return
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"{name}: {error.strerror}: {path}") from None


def cure_of(errors: Sequence[BaseException], *, encrypted: bool) -> str:
    """What to do about a connection whose TLS handshake failed.

    Args:
        errors: As pika raised them, one inside the other.
        encrypted: Whether we spoke TLS.
    """
    if not encrypted:
        return PLAIN
    for each in errors:
        if isinstance(each, ssl.SSLCertVerificationError):
            return CERTIFICATES.get(each.verify_code, UNTRUSTED)
        if isinstance(each, ssl.SSLError) and each.reason == NO_TLS_THERE:
            return NO_TLS
    return UNKNOWN_TO_THE_SERVER
