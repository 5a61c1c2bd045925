"""A certificate authority of the test's own, and the files of the parties that it has signed."""

from dataclasses import dataclass
from pathlib import Path

import trustme

HOST = "localhost"


@dataclass(frozen=True)
class Certificates:
    """Certificates and keys in a directory, by name.

    Attributes:
        directory: Two authorities, `ca.pem` and `stranger.pem`; `server.pem`, `client.pem` and
            `client.key`; and `forged.pem`, a client's that only the stranger has signed.
    """

    directory: Path

    def path(self, name: str) -> Path:
        return self.directory / name

    @property
    def server_lines(self) -> str:
        """The lines of a RabbitMQ node's configuration that use them."""
        return "".join(
            f"ssl_options.{name} = {value}\n"
            for name, value in {
                "cacertfile": self.path("ca.pem"),
                "certfile": self.path("server.pem"),
                "keyfile": self.path("server.pem"),
                "verify": "verify_peer",
                "fail_if_no_peer_cert": "true",
            }.items()
        )

    def settings(self, **other: str) -> dict[str, str]:
        """The settings of a client with every needed file."""
        return {
            "RABBITMQ_CA_FILE": str(self.path("ca.pem")),
            "RABBITMQ_CERT_FILE": str(self.path("client.pem")),
            "RABBITMQ_KEY_FILE": str(self.path("client.key")),
        } | {name: str(self.path(file)) for name, file in other.items()}


def make_certificates(directory: Path) -> Certificates:
    """Make new certificates in a directory."""
    found = Certificates(directory)
    ours, stranger = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(found.path("ca.pem"))
    stranger.cert_pem.write_to_path(found.path("stranger.pem"))
    server = ours.issue_cert(HOST)
    server.private_key_and_cert_chain_pem.write_to_path(found.path("server.pem"))
    client = ours.issue_cert("agent@example.org")
    client.cert_chain_pems[0].write_to_path(found.path("client.pem"))
    client.private_key_pem.write_to_path(found.path("client.key"))
    forged = stranger.issue_cert("agent@example.org")
    forged.private_key_and_cert_chain_pem.write_to_path(found.path("forged.pem"))
    return found
