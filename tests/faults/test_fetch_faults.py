"""Fault 35: a download that is interrupted, a dead host, a wrong file; the server is local."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.data import fetch as module
from bench.data.fetch import ATTEMPTS, Source, fetch
from bench.errors import RefusedInput

CONTENT = bytes(range(256)) * 4000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(BaseHTTPRequestHandler):
    """``/whole`` sends all, ``/half`` closes after half of the request, ``/wrong`` sends other bytes.

    ``/deaf`` is as ``/half`` but knows no ranges; ``/gone`` is a 404.
    """

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/gone":
            self.send_error(404)
            return
        wanted = self.headers.get("Range") if self.path != "/deaf" else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        content = (CONTENT if self.path != "/wrong" else b"<html>please log in</html>")[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in ("/half", "/deaf") else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "TIMEOUT_S", 5.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def source(server, *paths, digest=DIGEST):
    return Source("data.zip", tuple(f"http://127.0.0.1:{server.server_port}{path}" for path in paths), digest)


def test_fault_35_a_whole_file_arrives_under_its_name(server, tmp_path):
    told = []
    path, new = fetch(source(server, "/whole"), tmp_path / "downloads", seen=lambda *now: told.append(now))
    assert (path, new) == (tmp_path / "downloads" / "data.zip", True)
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(source(server, "/whole"), tmp_path / "downloads") == (path, False)
    assert len(server.asked) == 1


def test_fault_35_a_connection_that_ends_half_way_leaves_nothing_and_is_said(server, tmp_path):
    with pytest.raises(RefusedInput, match=r"/half: the connection ended after \d+ of \d+ bytes") as caught:
        fetch(source(server, "/half"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path / "data.zip") in caught.value.then
    assert DIGEST in caught.value.then
    assert len(server.asked) == ATTEMPTS


def test_fault_35_a_second_attempt_goes_on_where_the_first_broke_off(server, tmp_path):
    with pytest.raises(RefusedInput):
        fetch(source(server, "/half"), tmp_path)
    half = len(CONTENT) // 2
    quarter = half + (len(CONTENT) - half) // 2
    assert server.asked == [("/half", None), ("/half", f"bytes={half}-"), ("/half", f"bytes={quarter}-")]


def test_fault_35_a_server_that_knows_no_ranges_does_not_double_the_file(server, tmp_path):
    with pytest.raises(RefusedInput, match=f"/deaf: the connection ended after {len(CONTENT) // 2} of"):
        fetch(source(server, "/deaf"), tmp_path)


@pytest.mark.parametrize("first", ["/half", "/gone", "/wrong"])
def test_fault_35_a_mirror_takes_over_from_the_start(server, tmp_path, first):
    path, _ = fetch(source(server, first, "/whole"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == ("/whole", None)


def test_fault_35_a_file_with_another_digest_never_gets_its_name(server, tmp_path):
    with pytest.raises(RefusedInput, match=r"/wrong: sha256 is [0-9a-f]{64}, wanted"):
        fetch(source(server, "/wrong"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_fault_35_a_dead_host_says_where_to_put_the_file(tmp_path, server):
    dead = Source("data.zip", ("http://127.0.0.1:9/data.zip",), None)
    with pytest.raises(
        RefusedInput, match=r"data\.zip could not be fetched: http://127\.0\.0\.1:9/"
    ) as caught:
        fetch(dead, tmp_path)
    assert caught.value.then == f"get data.zip in another way and put it at {tmp_path / 'data.zip'}"


def test_fault_35_a_file_put_there_by_hand_is_taken_only_with_the_right_digest(server, tmp_path):
    (tmp_path / "data.zip").write_bytes(CONTENT)
    assert fetch(source(server, "/gone"), tmp_path)[1] is False
    (tmp_path / "data.zip").write_bytes(CONTENT[:-1])
    with pytest.raises(RefusedInput, match=r"data\.zip: sha256 is .* wanted") as caught:
        fetch(source(server, "/whole"), tmp_path)
    assert "remove" in caught.value.then
    assert server.asked == []


def test_only_http_addresses_are_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    with pytest.raises(RefusedInput, match="expected http and https"):
        fetch(Source("data.zip", (secret.as_uri(),), None), tmp_path / "out")


def test_a_folder_that_takes_no_file_is_a_refusal(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedInput, match="file"):
        fetch(source(server, "/whole"), tmp_path / "file" / "downloads")


def test_a_read_only_folder_is_a_refusal(server, tmp_path, monkeypatch):
    # root may write anywhere, so the refusal is played
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bench.files.tempfile.mkstemp", refuse)
    with pytest.raises(RefusedInput, match=r"data\.zip: cannot write .*Permission denied"):
        fetch(source(server, "/whole"), tmp_path)
