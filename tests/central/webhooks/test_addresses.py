"""Where an endpoint may be: over https, at no address of a private network, under the name that its certificate has."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from central_server.errors import OfficeError
from central_server.segments import saved
from central_server.webhooks import endpoints
from tests.central.far_end import far_end
from tests.central.webhooks.sent import one_database, send, states


@pytest.mark.parametrize(
    ("url", "is_private", "why"),
    [
        ("https://crm.example/hook", False, ""),
        ("https://crm.example:8443/hook", False, ""),
        ("https://93.184.216.34/", False, ""),
        ("http://crm.example/hook", False, "https only"),
        ("http://crm.example/hook", True, "https only"),
        ("http://10.0.0.5/", True, "https only"),
        ("http://127.0.0.1:9000/", False, "private network"),
        ("http://127.0.0.1:9000/", True, ""),
        ("http://localhost:9000/", True, ""),
        ("http://localhost:9000/", False, "private network"),
        ("http://[::1]:9000/", True, ""),
        ("https://10.0.0.5/", False, "private network"),
        ("https://10.0.0.5/", True, ""),
        ("https://[::ffff:10.0.0.5]/", False, "private network"),
        ("https://[fd00::1]/", False, "private network"),
        ("https://169.254.169.254/", True, "no address of a single machine"),
        ("https://0.0.0.0/", True, "no address of a single machine"),
        ("https://ada:pw@crm.example/", False, "no name, password"),
        ("https://crm.example/#x", False, "no name, password"),
        ("https:///hook", False, "no address"),
        ("ftp://crm.example/", False, "https only"),
        ("https://crm.example:99999/", False, "no address"),
        ("https://crm.example/a b", False, "no address"),
        ("https://crm.example/\r\nX: y", False, "no address"),
        ("https://[::1", False, "no address"),
        ("https://crm.example/" + "x" * 500, False, "no address"),
        ("crm.example", False, "no address"),
    ],
)
def test_an_endpoint_is_https_and_no_address_of_a_private_network_unless_that_is_meant(url, is_private, why):
    if not why:
        endpoints.check_url(url, is_private=is_private)
        return
    with pytest.raises(OfficeError, match=why) as error:
        endpoints.check_url(url, is_private=is_private)
    assert error.value.code == "WEBHOOK_UNFIT"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
        ),
        *("::1", "fd00::1", "fe80::1", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1"),
    ],
)
def test_no_form_of_a_private_address_is_public(address):
    assert endpoints.why_not(ip_address(address), is_private=False)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are(address):
    assert endpoints.why_not(ip_address(address), is_private=False) == ""


@one_database
def test_a_name_that_means_a_private_machine_by_now_is_not_sent_to(office, people):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.send(office, "all", "crm", "ada")

    async def resolve(host, port):
        return ["127.0.0.1"]

    send(office, resolve=resolve)
    why = "crm.example is 127.0.0.1, which is an address of this machine or of a private network"
    assert states(office) == [("waiting", why, 1)]

    async def nobody(host, port):
        raise OSError

    office.now.pass_by(minutes=1)
    send(office, resolve=nobody)
    assert states(office) == [("waiting", "crm.example has no address", 2)]


def certificate(folder, name):
    """(of the server, of who trusts it)"""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    hidden = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + hidden)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, lambda: ssl.create_default_context(cafile=file)


@one_database
def test_the_certificate_is_that_of_the_name_and_the_connection_goes_to_the_address_that_was_checked(
    office, people, tmp_path
):
    server, trust = certificate(tmp_path, "crm.example")
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    with far_end(server) as there:
        port = there.url.split(":")[2].split("/")[0]
        for name in ("crm.example", "other.example"):
            endpoints.add(office, name.split(".")[0], f"https://{name}:{port}/hook", is_private=True)
            saved.send(office, "all", name.split(".")[0], "ada")
        send(office, resolve=resolve, trust=trust)
        assert states(office, "crm") == [("sent", "", 1)]
        assert there.received[0].headers["host"] == f"crm.example:{port}"
        why = "its certificate is not trusted, has ended, or is for another name"
        assert states(office, "other") == [("waiting", why, 1)]
        assert sorted(asked) == ["crm.example", "other.example"], "looked up once each"


@one_database
def test_there_is_an_end_to_the_endpoints(office):
    for number in range(endpoints.MOST_WEBHOOKS):
        endpoints.add(office, f"e{number}", "https://crm.example/")
    for name in ("one-more", "e0", "Caps", ""):
        with pytest.raises(OfficeError, match=r"already|cannot be called"):
            endpoints.add(office, name, "https://crm.example/")
