"""A console's world over HTTP, and people who are signed in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from lookout_console.accounts.credentials import csrf_of
from lookout_console.actions.desk import Actor
from lookout_console.web.app import create_app
from lookout_console.web.callers import SESSION_COOKIE
from support.console_world import World
from support.polling import until


@dataclass(frozen=True, kw_only=True)
class Served:
    """A world over HTTP."""

    world: World
    base: str
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **given: Any) -> httpx.Client:
        """A client of this console, closed with it."""
        made = httpx.Client(base_url=self.base, timeout=20, **given)
        self.clients.append(made)
        return made

    def signed_in(self, actor: Actor) -> "Person":
        """A browser in which somebody is signed in."""
        cookie = self.world.office.credentials.start_session(actor.account_id)
        client = self.client(cookies={SESSION_COOKIE: cookie})
        return Person(client=client, cookie=cookie)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    client: httpx.Client
    cookie: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        return self.client.post(path, data={**fields, "csrf": csrf_of(self.cookie)})


@contextmanager
def serve(world: World) -> Iterator[Served]:
    """The application on loopback until the block ends."""
    config = uvicorn.Config(
        create_app(world.office),
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the console serves")
    port = server.servers[0].sockets[0].getsockname()[1]
    reporting = threading.Event()

    def report() -> None:
        while not reporting.wait(1.0):
            world.services_live()

    world.services_live()
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    served = Served(world=world, base=f"http://127.0.0.1:{port}")
    try:
        yield served
    finally:
        for client in served.clients:
            client.close()
        reporting.set()
        reporter.join()
        server.should_exit = True
        thread.join(timeout=10)
        world.office.desk.store.close()
