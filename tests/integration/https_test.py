"""Endpoints behind TLS and HTTP/2, with servers that are not ours: Python's ssl, and nghttpd. The
certificates are made here. A call of a tool of the `agent` command is what is tried."""

import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest

from _cli import PATIENCE_S, CommandTest, call

NO_CHECK = "check the certificate, the clock of this machine, and whether the port speaks https"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Certificates(CommandTest):
    def setUp(self):
        super().setUp()
        if not shutil.which("openssl"):
            self.skipTest("there is no openssl command")
        self.env.pop("SSL_CERT_FILE", None)
        self.make("ours", "/CN=Authority of the tests", "basicConstraints=critical,CA:TRUE")

    def openssl(self, *arguments):
        result = subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, text=True,
                                capture_output=True, env={**self.env, "RANDFILE": "/dev/null"})
        self.assertEqual(result.returncode, 0, result.stderr)

    def make(self, name, subject, extension, days=2, by=None):
        """NAME.pem and NAME.key, signed by the authority `by`, or by itself."""
        self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        self.write("extensions", extension + "\n")
        sign = (["-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"] if by else
                ["-signkey", f"{name}.key"])
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile",
                     "extensions", "-days", days, *sign)

    def make_server(self, name, host="DNS:localhost,IP:127.0.0.1", **options):
        self.make(name, f"/CN={name}", f"subjectAltName={host}", **options)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def fetch(self, url, code=0, env=None, calls=1):
        """Has an agent call the endpoint; (stdout, spans of the calls)."""
        team = self.team({"step": 1, "tool_calls": [call("get", n=n) for n in range(calls)]},
                         {"text": "answered"}, tools={"get": {
                             "http": {"url": url, "method": "GET"}, "effect": "pure"}})
        store = self.folder / "s.db"
        out, _ = self.agent("run", "-q", team, "x", "--store", store, code=code, env=env)
        run = self.json("trace", "show", "--store", store)
        return out, [span for span in run["spans"] if span["name"] == "execute_tool get"]


class Tls(Certificates):
    def serve(self, certificate, key):
        """A server with that certificate, ended with the test; its port."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"path": self.path}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that does not trust us
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = Server(("127.0.0.1", 0), Handler)
        # The handshake is done by the thread of the connection, not by the one that accepts.
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def refused(self, url, *texts, env=None):
        _, spans = self.fetch(url, env=env)
        self.assertEqual(len(spans), 1)
        self.assertTrue(spans[0]["error"])
        for text in (*texts, NO_CHECK):
            self.assertIn(text, spans[0]["message"])

    def test_an_authority_of_our_own(self):
        port = self.serve(*self.make_server("good", by="ours"))
        for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            for host in ("localhost", "127.0.0.1"):
                out, spans = self.fetch(f"https://{host}:{port}/x",
                                        env={variable: str(self.folder / "ours.pem")})
                self.assertEqual(out, "answered\n")
                self.assertFalse(spans[0]["error"], spans[0]["message"])
        # Without it the authority is a stranger; so is any other.
        self.refused(f"https://localhost:{port}/x",
                     f'no secure connection to "localhost" port {port}',
                     "unable to get local issuer certificate")
        self.make("theirs", "/CN=Another authority", "basicConstraints=critical,CA:TRUE")
        self.refused(f"https://localhost:{port}/x", "unable to get local issuer certificate",
                     env={"CURL_CA_BUNDLE": str(self.folder / "theirs.pem"),
                          "SSL_CERT_FILE": str(self.folder / "ours.pem")})

    def test_a_certificate_signed_by_itself(self):
        port = self.serve(*self.make_server("self"))
        self.refused(f"https://localhost:{port}/", "self-signed certificate")

    def test_a_certificate_for_another_host(self):
        port = self.serve(*self.make_server("other", host="DNS:other.example", by="ours"))
        self.refused(f"https://localhost:{port}/", "no alternative certificate subject name",
                     env={"SSL_CERT_FILE": str(self.folder / "ours.pem")})

    def test_a_certificate_that_has_expired(self):
        port = self.serve(*self.make_server("old", by="ours", days=-1))
        self.refused(f"https://localhost:{port}/", "certificate has expired",
                     env={"SSL_CERT_FILE": str(self.folder / "ours.pem")})

    def test_a_file_of_certificates_that_is_none(self):
        port = self.serve(*self.make_server("good", by="ours"))
        for name in ("nowhere.pem", "team.json"):
            self.refused(f"https://localhost:{port}/", name,
                         env={"SSL_CERT_FILE": str(self.folder / name)})

    def test_a_port_that_does_not_speak_tls(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                with server.accept()[0] as connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            thread = threading.Thread(target=answer)
            thread.start()
            self.addCleanup(thread.join)
            self.refused(f"https://localhost:{server.getsockname()[1]}/", "wrong version number")


class Http2(Certificates):
    def start_nghttpd(self):
        """nghttpd, which speaks nothing but HTTP/2, and its port; ended with the test."""
        certificate, key = self.make_server("good", by="ours")
        (self.folder / "documents").mkdir()
        self.write("documents/hello.json", {"hello": True})
        log = open(self.folder / "log", "wb")
        self.addCleanup(log.close)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            port = free_port()
            process = subprocess.Popen(["nghttpd", "-v", "--no-content-length", "-a", "127.0.0.1",
                                        "-d", "documents", str(port), key, certificate],
                                       cwd=self.folder, stdout=log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL)
            self.addCleanup(process.wait, PATIENCE_S)
            self.addCleanup(process.kill)
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
                    return process, port
                except ConnectionRefusedError:
                    os.sched_yield()
        self.fail((self.folder / "log").read_text())

    def test_many_requests_share_one_connection(self):
        if not shutil.which("nghttpd"):
            self.skipTest("there is no nghttpd (Debian package nghttp2-server)")
        process, port = self.start_nghttpd()
        out, spans = self.fetch(f"https://localhost:{port}/hello.json?n={{n}}", calls=20,
                                env={"SSL_CERT_FILE": str(self.folder / "ours.pem")})
        self.assertEqual(out, "answered\n")
        self.assertEqual([span["message"] for span in spans], [""] * 20)
        process.kill()
        process.wait(PATIENCE_S)
        log = (self.folder / "log").read_text()
        asked = [line for line in log.splitlines() if ":path: /hello.json?n=" in line]
        self.assertEqual(len(asked), 20, log)
        # "[id=2] [  0.001] recv (stream_id=3) :path: …": the first connection is our probe.
        self.assertEqual(len({line.split("]")[0] for line in asked}), 1, asked)

    def test_a_server_that_dies_is_an_error(self):
        if not shutil.which("nghttpd"):
            self.skipTest("there is no nghttpd (Debian package nghttp2-server)")
        process, port = self.start_nghttpd()
        process.kill()
        process.wait(PATIENCE_S)
        _, spans = self.fetch(f"https://localhost:{port}/hello.json",
                              env={"SSL_CERT_FILE": str(self.folder / "ours.pem")})
        self.assertTrue(spans[0]["error"])
        self.assertIn(f'"localhost" port {port}', spans[0]["message"])


if __name__ == "__main__":
    unittest.main()
