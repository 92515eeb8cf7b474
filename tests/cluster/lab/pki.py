"""A cluster's certificates, tokens and kubeconfigs. Made anew at each bring-up, and gone with its run folder."""

import base64
import datetime
import ipaddress
import json
import secrets
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.lab.control_plane import ControlPlane
from tests.cluster.lab.host import write

USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kubelet": ("system:node:{site}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", "system:node-proxier"),
}
"""The name of a kubeconfig, and its user and group; the control plane's users have their rights by name."""
_LIFETIME = datetime.timedelta(days=30)


def make(plane: ControlPlane, users: Mapping[str, tuple[str, str]] = USERS) -> None:
    """Write pki/ (CA, API server, its client for kubelets, service-account key), tokens and kubeconfigs, all 0600."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign(_subject("landbridge-lab"), authority_key, None, None)
    _save(plane, "ca", authority, authority_key)
    addresses = [plane.address, plane.api_service, "127.0.0.1"]
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    for name, subject, extension in (
        ("apiserver", _subject("kube-apiserver"), x509.SubjectAlternativeName(alternatives)),
        ("kubelet-client", _subject("apiserver-kubelet-client", "system:masters"), None),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        _save(plane, name, _sign(subject, key, (authority, authority_key), extension), key)
    accounts = ec.generate_private_key(ec.SECP256R1())
    write(plane.keys / "accounts.key", _pem(accounts), 0o600)
    _make_users(plane, users, authority.public_bytes(serialization.Encoding.PEM).decode())


def _make_users(plane: ControlPlane, users: Mapping[str, tuple[str, str]], authority: str) -> None:
    rows = []
    for file, (user, group) in users.items():
        token = secrets.token_hex(24)
        named = user.format(site=plane.name)
        rows.append(f'{token},{named},{named},"{group}"' if group else f"{token},{named},{named}")
        target = plane.kubeconfig if file == "admin" else plane.keys / f"{file}.kubeconfig"
        write(target, _kubeconfig(plane, token, authority), 0o600)
    write(plane.keys / "tokens.csv", "\n".join(rows) + "\n", 0o600)


def _kubeconfig(plane: ControlPlane, token: str, authority: str) -> str:
    inline = base64.b64encode(authority.encode()).decode()
    named = {"name": plane.name}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": {"server": plane.api, "certificate-authority-data": inline}}],
        "users": [{**named, "user": {"token": token}}],
        "contexts": [{**named, "context": {"cluster": plane.name, "user": plane.name}}],
        "current-context": plane.name,
    }
    return json.dumps(value, indent=2)  # which is YAML too


def _subject(name: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    alternatives: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    """Return a certificate; without an issuer it is an authority that signs itself."""
    now = datetime.datetime.now(datetime.UTC)
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if issuer is None:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)  # without it Python's strict verification refuses the CA
    else:
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(both, critical=False)
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _save(plane: ControlPlane, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write(plane.keys / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode())
    write(plane.keys / f"{name}.key", _pem(key), 0o600)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, no_password).decode()
