"""Certificates for tests, made by OpenSSL's own program.

    ca = Ca(folder, "ca")
    pair = ca.issue("server", sans=["DNS:localhost"], key="rsa")     .pem, .key: paths
    ca.crl([pair])                                                    path of a list of revoked ones
"""
import hashlib
import base64
import os
import ssl
import subprocess

KEYS = {"rsa": ["-newkey", "rsa:2048"],
        "rsa1024": ["-newkey", "rsa:1024"],
        "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ed25519": ["-newkey", "ed25519"]}


def openssl(*args, **kw):
    r = subprocess.run(["openssl", *map(str, args)], capture_output=True, **kw)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout


class Pair:
    def __init__(self, pem, key):
        self.pem, self.key = str(pem), str(key)

    def der(self):
        with open(self.pem) as f:
            return ssl.PEM_cert_to_DER_cert(f.read()[:f.tell()].split("-----END CERTIFICATE-----")[0]
                                            + "-----END CERTIFICATE-----\n")

    def sha256(self):
        return hashlib.sha256(self.der()).hexdigest()

    def spki(self):
        pub = openssl("x509", "-in", self.pem, "-noout", "-pubkey")
        der = openssl("pkey", "-pubin", "-outform", "DER", input=pub)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def text(self):
        with open(self.pem) as f:
            return f.read()

    def key_text(self):
        with open(self.key) as f:
            return f.read()

    def source(self, **kw):
        """TlsCertificate of files."""
        return {"certificate_chain": {"filename": self.pem}, "private_key": {"filename": self.key},
                **kw}


class Ca(Pair):
    def __init__(self, folder, name="ca", parent=None):
        self.folder, self.name = str(folder), name
        super().__init__(f"{folder}/{name}.pem", f"{folder}/{name}.key")
        if parent is None:
            openssl("req", "-x509", *KEYS["ec"], "-nodes", "-keyout", self.key, "-out", self.pem,
                    "-days", "30", "-subj", f"/CN={name}")
        else:
            p = parent.issue(name, ext="basicConstraints=critical,CA:TRUE\n"
                             "keyUsage=critical,keyCertSign,cRLSign\n", folder=folder)
            self.pem, self.key = p.pem, p.key

    def issue(self, name, sans=(), key="ec", days=30, subject=None, ext="", folder=None, start=None):
        folder = str(folder or self.folder)
        pair = Pair(f"{folder}/{name}.pem", f"{folder}/{name}.key")
        csr, cnf = f"{folder}/{name}.csr", f"{folder}/{name}.cnf"
        with open(cnf, "w") as f:
            f.write((f"subjectAltName={','.join(sans)}\n" if sans else "") + ext + "\n")
        openssl("req", *KEYS[key], "-nodes", "-keyout", pair.key, "-out", csr,
                "-subj", subject or f"/CN={name}")
        openssl("x509", "-req", "-in", csr, "-CA", self.pem, "-CAkey", self.key, "-set_serial",
                str(int.from_bytes(os.urandom(8), "big")), "-days", str(days), "-out", pair.pem,
                "-extfile", cnf)
        return pair

    def crl(self, revoked=()):
        index, cnf, out = (f"{self.folder}/{self.name}.{x}" for x in ("index", "crl.cnf", "crl"))
        for path in (index, index + ".attr"):
            open(path, "w").close()
        with open(cnf, "w") as f:
            f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={index}\ndefault_md=sha256\n"
                    "default_crl_days=30\n")
        for p in revoked:
            openssl("ca", "-config", cnf, "-revoke", p.pem, "-keyfile", self.key, "-cert", self.pem)
        openssl("ca", "-config", cnf, "-gencrl", "-keyfile", self.key, "-cert", self.pem, "-out",
                out)
        return out

    def ocsp(self, pair, status="good", days=10):
        """A signed OCSP response in DER about a certificate of ours."""
        req, out, index = (f"{pair.pem}.{x}" for x in ("req", "ocsp", "index"))
        serial = openssl("x509", "-in", pair.pem, "-noout", "-serial").decode().strip()
        serial = serial.split("=")[1]
        with open(index, "w") as f:
            f.write(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=x\n")
        openssl("ocsp", "-issuer", self.pem, "-cert", pair.pem, "-reqout", req)
        openssl("ocsp", "-index", index, "-rsigner", self.pem, "-rkey", self.key, "-CA", self.pem,
                "-reqin", req, "-respout", out, *(["-ndays", str(days)] if days else
                                                  ["-nmin", "0"]))
        return out
