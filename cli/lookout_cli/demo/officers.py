"""The people of a demonstration: each signs in to the console by a one-time link, and does there what their one role may do."""

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
from lookout_console.domain.roles import Role

from lookout_cli.control import ControlError
from lookout_cli.stack.folder import StackError

_TIMEOUT_S: Final = 30.0
_WHY: Final = "demonstration"
_WORD: Final = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Officer:
    """Somebody at the console, as their browser is: a session's cookie, and the word that its forms carry."""

    def __init__(self, link: str) -> None:
        """Sign in by a one-time link, which is used up by it.

        Raises:
            ControlError: the link does not sign in.
            StackError: the console does not answer.
        """
        where = urlsplit(link)
        self._http = httpx.Client(
            base_url=f"{where.scheme}://{where.netloc}",
            timeout=_TIMEOUT_S,
            # The console is on this machine, whatever proxy the environment names.
            trust_env=False,
        )
        try:
            self._word = self._sign_in(where.path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def page(self, path: str) -> str:
        """A page, as HTML."""
        return self._ask("GET", path).text

    def picture(self, path: str) -> bytes:
        """A picture, as JPEG. Raises `ControlError` where something else is served."""
        answer = self._ask("GET", path)
        if answer.headers.get("content-type") != "image/jpeg":
            raise ControlError("the console served something that is no JPEG for a picture")
        return answer.content

    def read(self, path: str) -> Any:
        """What the API says."""
        return self._ask("GET", f"/api/v1{path}").json()

    def do(self, path: str, **said: Any) -> Any:
        """Have something done by the API.

        Raises:
            ControlError: the console refuses it, and says why.
        """
        return self._ask("POST", f"/api/v1{path}", json=said).json()

    def hand_in(self, path: str, archive: bytes) -> Any:
        """Upload a zip."""
        return self._ask(
            "POST", f"/api/v1{path}", content=archive, headers={"content-type": "application/zip"}
        ).json()

    def close(self) -> None:
        """Leave. The session ends by itself."""
        self._http.close()

    def _sign_in(self, path: str) -> str:
        """Press the button of the link's page; the word that the session's forms carry."""
        word, secret = self._word_in(self.page(path)), path.rpartition("/")[2]
        self._ask("POST", "/sign-in/link", data={"csrf": word, "link": secret})
        return self._word_in(self.page("/"))

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        headers = dict(sent.pop("headers", {}))
        if path.startswith("/api/"):
            headers |= {"x-csrf": self._word, "accept": "application/json"}
        try:
            answer = self._http.request(method, path, headers=headers, **sent)
        except httpx.HTTPError as error:
            raise StackError(
                f"the console does not answer ({type(error).__name__}): see its log"
            ) from None
        if answer.is_error:
            raise ControlError(f"the console refused: {_detail(answer)}")
        return answer

    @staticmethod
    def _word_in(page: str) -> str:
        found = _WORD.search(page)
        if found is None:
            raise ControlError("the console let nobody in by a one-time link")
        return found[1]


class Officers:
    """One account for each role, made by the administrator, whom the console's first link lets in."""

    def __init__(self, first_link: str) -> None:
        """Raises `ControlError` and `StackError` as `Officer` does."""
        self._there = {Role.ADMINISTRATOR: Officer(first_link)}
        self._accounts: Mapping[Role, str] = {
            role: self._admin.do(
                "/accounts",
                name=role.value.replace("_", "-"),
                shown=role.value.replace("_", " ").capitalize(),
                roles=[role.value],
                reason=_WHY,
            )["account_id"]
            for role in Role
            if role is not Role.ADMINISTRATOR
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for officer in self._there.values():
            officer.close()

    def __getitem__(self, role: Role) -> Officer:
        """Whoever has this role, signed in."""
        if role not in self._there:
            self._there[role] = Officer(self.link(role))
        return self._there[role]

    def link(self, role: Role) -> str:
        """A new one-time link for whoever has this role; good for 15 minutes."""
        made = self._admin.do(f"/accounts/{self._accounts[role]}/link", reason=_WHY)
        return str(made["link"])

    @property
    def _admin(self) -> Officer:
        return self._there[Role.ADMINISTRATOR]


def _detail(answer: httpx.Response) -> str:
    """What the console says of a refusal; a page of it is not quoted."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
