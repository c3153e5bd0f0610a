"""Who vouches for head office: the public authorities, and whoever the machine trusts, a shop's own authority among them."""

import http.server
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger.keys import SigningKey
from ledger.wire import Nonce
from offline_store.sync import Unreachable
from pos_plugin.head_office.server_link import HttpLink


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A certificate for localhost that nobody knows, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corner Shop")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))
    return folder


@pytest.fixture
def url(signed):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            said = b'{"nonce": "ab", "valid_s": 300}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed / "cert.pem", signed / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked(url):
    link = HttpLink(url, "AAAAAA", lambda: SigningKey(bytes(32)))
    try:
        return link._ask("/v1/nonce", b"{}", Nonce)
    finally:
        link.close()


def test_a_certificate_that_nobody_vouches_for_is_refused_in_words(url):
    with pytest.raises(Unreachable, match="certificate is not trusted") as refused:
        asked(url)
    assert "docs/tls.md" in refused.value.hint


def test_a_shops_own_authority_is_trusted_once_the_machine_trusts_it(url, signed, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(signed / "cert.pem"))
    assert asked(url).nonce == "ab"
