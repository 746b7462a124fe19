# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made as an operator would make them: with openssl."""
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


class Files(NamedTuple):
    """PEM files' paths."""
    ca: str
    certificate: str
    key: str


class Authority:
    """Who signs certificates; all its files lie in the folder, the CA's own under `file`."""

    def __init__(self, folder, name, file="ca"):
        self.folder = Path(folder)
        self.file = file
        self.ca = str(self.folder / f"{file}.pem")
        self._openssl("req", "-x509", *KEY, "-keyout", f"{file}.key", "-out", f"{file}.pem", "-subj", f"/CN={name}")

    def issue(self, name, file=None):
        """A new certificate and key, for whatever runs on loopback and for clients; in place of any of that file."""
        file = file or name
        self._openssl("req", *KEY, "-keyout", f"{file}.key", "-out", f"{file}.csr", "-subj", f"/CN={name}",
                      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self._openssl("x509", "-req", "-in", f"{file}.csr", "-CA", f"{self.file}.pem", "-CAkey", f"{self.file}.key",
                      "-CAcreateserial", "-copy_extensions", "copy", "-days", "2", "-out", f"{file}.pem")
        return Files(self.ca, str(self.folder / f"{file}.pem"), str(self.folder / f"{file}.key"))

    def client(self, files=None, version=None):
        """Believes what this signs, and shows the certificate of the files, if any."""
        context = ssl.create_default_context(cafile=self.ca)
        if files:
            context.load_cert_chain(files.certificate, files.key)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)


def mesh_flags(files):
    return ["--mesh-ca", files.ca, "--mesh-cert", files.certificate, "--mesh-key", files.key]


def client_flags(files):
    """Of a server that its clients reach over TLS; services' certificates are of the same CA."""
    return ["--tls-ca", files.ca, "--tls-cert", files.certificate, "--tls-key", files.key]
