"""A registry of a test's own: the part of the Confluent REST API that Lookout uses, on a port, with real Avro compatibility."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409


@dataclass
class Registry:
    """What is registered: ids from 1, as registries count."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """An answer's status and body."""
        match method, path.strip("/").split("/"):
            case "PUT", ["config", subject]:
                self.writes.append(path)
                self.rules[subject] = body["compatibility"]
                return _OK, body
            case "POST", ["subjects", subject, "versions"]:
                self.writes.append(path)
                return self._register(subject, body["schema"])
            case "POST", ["subjects", subject]:
                found = [i for i in self.subjects.get(subject, ()) if self._is(i, body["schema"])]
                return (_OK, {"id": found[0]}) if found else (_NOT_FOUND, {"error_code": 40403})
            case "GET", ["schemas", "ids", number]:
                known = 0 < int(number) <= len(self.texts)
                return (_OK, {"schema": self.texts[int(number) - 1]}) if known else (_NOT_FOUND, {})
            case _:
                return _NOT_FOUND, {}

    def _is(self, schema_id: int, text: str) -> bool:
        return bool(json.loads(self.texts[schema_id - 1]) == json.loads(text))

    def _register(self, subject: str, text: str) -> tuple[int, Any]:
        versions = self.subjects.setdefault(subject, [])
        for schema_id in versions:
            if self._is(schema_id, text):
                return _OK, {"id": schema_id}
        both_ways = self.rules.get(subject, "").startswith("FULL")
        for schema_id in versions:
            old = self.texts[schema_id - 1]
            if not _reads(text, old) or (both_ways and not _reads(old, text)):
                return _CONFLICT, {"error_code": 409}
        self.texts.append(text)
        versions.append(len(self.texts))
        return _OK, {"id": len(self.texts)}


def _reads(reader: str, writer: str) -> bool:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro is half typed
    verdict = checker.get_compatibility(parse(reader), parse(writer))
    return bool(verdict.compatibility is SchemaCompatibilityType.compatible)


@contextmanager
def schema_registry() -> Iterator[Registry]:
    """A registry on the loopback, gone at the end."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, said = registry.answer(self.command, self.path, body)
            payload = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the library's names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
