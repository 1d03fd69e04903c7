"""A certificate authority for tests, made with the `openssl` program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.mosquitto import program

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority with one server certificate (127.0.0.1, localhost) and one of a client."""

    def __init__(self, folder: Path, name: str = "camwatch test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self._openssl(
            "req", "-x509", *_CURVE, "-subj", f"/CN={name}", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip
        self.server_cert, self.server_key = self._issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.client_cert, self.client_key = self._issue("client", "extendedKeyUsage=clientAuth")

    def listener(self, port: int, *, client_certificate: bool = False) -> str:
        """Return the lines of a Mosquitto listener with TLS on this port."""
        wanted = "true" if client_certificate else "false"
        return (
            f"listener {port} 127.0.0.1\ncafile {self.ca_file}\ncertfile {self.server_cert}\n"
            f"keyfile {self.server_key}\nrequire_certificate {wanted}\n"
        )

    def _issue(self, name: str, extension: str) -> tuple[Path, Path]:
        self._openssl("req", *_CURVE, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(
            f"{extension}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem",
        )  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, *arguments: str) -> None:
        subprocess.run([program("openssl"), *arguments], cwd=self.folder, check=True, capture_output=True)
