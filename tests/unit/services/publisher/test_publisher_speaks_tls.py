"""A publisher reaches model servers by address, while their certificate names what all of them are called by."""

from __future__ import annotations

import datetime as dt
import socket
from concurrent import futures

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.publisher.main import all_servers, server_here, tls_of
from services.publisher.settings import PublisherSettings
from wayfare.adapters import serving_protos as protos
from wayfare.domain.errors import ModelUnavailable

PEERS = "wayfare-model-server-peers"


def certificate(path, name, authority=None):
    """`<path>.crt` and `<path>.key`, signed by `authority` or by itself; returns (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (authority[0].subject, authority[1]) if authority else (subject, key)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    path.with_suffix(".crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made, key


@pytest.fixture
def port(tmp_path, monkeypatch):
    """Port of a model server on loopback that asks its clients for a certificate."""
    authority = certificate(tmp_path / "ca", "authority")
    certificate(tmp_path / "server", PEERS, authority)
    certificate(tmp_path / "client", "publisher", authority)
    answer = protos.GetModelStatusResponse()
    answer.model_version_status.add(version=7, state=30)
    handler = grpc.method_handlers_generic_handler(
        "tensorflow.serving.ModelService",
        {
            "GetModelStatus": grpc.unary_unary_rpc_method_handler(
                lambda request, context: answer, lambda raw: raw, lambda message: message.SerializeToString()
            )
        },
    )
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    pair = ((tmp_path / "server.key").read_bytes(), (tmp_path / "server.crt").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (tmp_path / "ca.crt").read_bytes(), require_client_auth=True)
    number = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    found = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda host, *more, **how: found("127.0.0.1" if host == PEERS else host, *more, **how)
    )
    yield number
    server.stop(None)


def settings(tmp_path, port, **more):
    return PublisherSettings(
        state=tmp_path,
        artifact_store=tmp_path.as_uri(),
        models_dir=tmp_path,
        model_server=f"{PEERS}:{port}",
        model_server_here=f"127.0.0.1:{port}",
        model_server_ca_file=tmp_path / "ca.crt",
        trusted_keys_dir=tmp_path,
        publisher_key_file=tmp_path / "publisher.pem",
        **more,
    )


def test_with_a_certificate_of_its_own_it_is_answered_by_every_server_and_by_the_one_beside_it(tmp_path, port):
    told = settings(
        tmp_path,
        port,
        model_server_certificate_file=tmp_path / "client.crt",
        model_server_key_file=tmp_path / "client.key",
    )
    everywhere = all_servers(told.model_server, tls_of(told))()
    for server in (*everywhere, server_here(told, tls_of(told))):
        assert server.states("surge-sim", 5.0) == {7: "AVAILABLE"}
    assert len(everywhere) == 1


def test_without_one_a_server_that_asks_for_it_is_out_of_reach(tmp_path, port):
    told = settings(tmp_path, port)
    with pytest.raises(ModelUnavailable):
        server_here(told, tls_of(told)).states("surge-sim", 5.0)
