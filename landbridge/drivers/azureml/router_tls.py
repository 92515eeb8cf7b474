"""Whether a certificate and its key may stand before the router: what the extension's health check refuses as E40007, in seconds.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-secure-kubernetes-online-endpoint
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from landbridge.domain.errors import InputError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def check_pair(certificate: bytes, key: bytes, name: str) -> None:
    """Certificate (PEM, the server's own first) and key (PEM), for DNS name `name`; "" = not said here.

    Raises:
        InputError: they do not fit each other, the name, or today. Shows nothing of the key.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        chain = load_pem_x509_certificates(certificate)
    except ValueError as error:
        hint = "Give the whole chain as PEM: server, intermediate, root."
        raise InputError("The router's certificate is no PEM certificate.", hint) from error
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError as error:
        hint = "Take the pass phrase away: openssl pkey -in key.pem -out plain.pem."
        raise InputError("The router's key has a pass phrase, which the extension does not support.", hint) from error
    except ValueError as error:
        raise InputError("The router's key is no PEM private key.", "Give it as PEM, without pass phrase.") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        hint = "Give the key that the certificate was made with, and the server's own certificate first in its file."
        raise InputError("The router's key does not belong to its certificate.", hint)
    _check_date(chain[0])
    if name and not any(_fits(name.lower(), one.lower()) for one in _names(chain[0])):
        bears = ", ".join(_names(chain[0])) or "no name"
        hint = "Set sslCname to one of them, or have a certificate made for it."
        raise InputError(f"The router's certificate bears {bears}, not {name}.", hint)


def _check_date(certificate: "Certificate") -> None:
    now = datetime.now(UTC)
    if now >= certificate.not_valid_after_utc:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        raise InputError(f"The router's certificate ended on {ended}.", "Give one that is valid now.")
    if now < certificate.not_valid_before_utc:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        raise InputError(f"The router's certificate begins on {begins}.", "Give one that is valid now.")


def _names(certificate: "Certificate") -> tuple[str, ...]:
    from cryptography.x509 import DNSName, ExtensionNotFound, NameOID, SubjectAlternativeName

    try:
        found = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        return tuple(found.get_values_for_type(DNSName))
    except ExtensionNotFound:
        return tuple(str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))


def _fits(name: str, pattern: str) -> bool:
    """A star stands for one label."""
    return name == pattern or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])
