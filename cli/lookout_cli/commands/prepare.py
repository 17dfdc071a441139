"""``lookout prepare``: what a stack of containers needs before its first start, and the demonstration that it then shows."""

import os
import secrets
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from lookout_console.domain.roles import Role

from lookout_cli.commands.demo import CAMERA, prepare_footage
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.demo.footage import ENROLLED_REFERENCE
from lookout_cli.demo.officers import Officers
from lookout_cli.demo.opening import open_deployment
from lookout_cli.demo.run import row_of
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import prepare_secrets

app = typer.Typer(
    no_args_is_help=True,
    help="A stack of containers: its secrets, its footage, and the deployment that it demonstrates.",
)

_LIVES: Final = timedelta(days=365)
_FALSE_ALERTS: Final = 0.001
_STREET: Final = "street.mp4"
_PICTURE: Final = "wanted"
_LINK: Final = "sign-in-link"


@app.command("secrets")
def make_secrets(
    stores: Annotated[
        Path,
        typer.Argument(help="Folder for what the stores beside Lookout are told, a folder each."),
    ],
    qdrant: Annotated[str, typer.Option(help="Name that Qdrant is reached by.")] = "qdrant",
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Make the vault and its secret, the signing keys, and the passwords of PostgreSQL, keyring and Qdrant. What is there stays.

    No secret is printed. Whoever may read a file of a store may speak to that store: mount each folder where it is needed.
    """
    with told_plainly():
        folder = StateFolder(state)
        folder.prepare()
        prepare_secrets(folder)
        made = [*_passwords(stores), *_qdrant(stores / "qdrant", qdrant)]
        out.print("\n".join(f"made {path}" for path in made) or "every secret is there")


def _passwords(stores: Path) -> list[Path]:
    made = []
    password = stores / "keyring" / "password"
    if _write_new(password, secrets.token_urlsafe(32)):
        _write_new(
            password.with_name("valkey.conf"),
            # Nothing on disk, nothing evicted, no key in a slow log (docs/adr/0003).
            f"requirepass {password.read_text()}\n"
            'save ""\nappendonly no\nmaxmemory-policy noeviction\nslowlog-log-slower-than -1\n'
            "bind * -::*\n",
        )
        made.append(password)
    if _write_new(stores / "database" / "password", secrets.token_urlsafe(32)):
        made.append(stores / "database" / "password")
    return made


def _qdrant(folder: Path, name: str) -> list[Path]:
    """An API key, and a certificate that the gallery's client can check: templates travel over TLS or not at all."""
    key_file = folder / "api-key"
    if not _write_new(key_file, secrets.token_urlsafe(32)):
        return []
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIVES)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_new(
        folder / "key.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )
    _write_new(
        folder / "certificate.pem", certificate.public_bytes(serialization.Encoding.PEM).decode()
    )
    _write_new(
        folder / "production.yaml",
        f"service:\n  api_key: {key_file.read_text()}\n  enable_tls: true\n"
        "tls:\n  cert: /qdrant/tls/certificate.pem\n  key: /qdrant/tls/key.pem\n",
    )
    return [key_file, folder / "certificate.pem"]


def _write_new(path: Path, text: str) -> bool:
    """Write a file that the store's own user can read too; False where there is one already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # The folder is mounted for the two ends of one connection, whose users differ; nobody else has it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return True


@app.command()
def footage(
    folder: Annotated[Path, typer.Argument(help="Folder for the street scene and the picture.")],
) -> None:
    """Compose the demonstration's street scene, for a camera to play, and put the picture of who is sought beside it."""
    with told_plainly():
        if (folder / _STREET).exists():
            out.print(f"{folder / _STREET} is there")
            return
        made = prepare_footage()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(made.enrolled_picture, folder / f"{_PICTURE}{made.enrolled_picture.suffix}")
        # Last, and all at once: where it is, the rest is.
        part = folder / f".{_STREET}.part"
        shutil.copy(made.path, part)
        part.replace(folder / _STREET)
        out.print(f"composed {folder / _STREET}")


@app.command()
def demonstration(
    console: Annotated[str, typer.Option(help="Address of the console, http://HOST:PORT.")],
    first_link: Annotated[
        Path, typer.Option(help="File that the console wrote its first sign-in link to.")
    ],
    street: Annotated[
        Path, typer.Option("--pictures", help="Folder that `prepare footage` filled.")
    ],
    camera: Annotated[str, typer.Option(help="Camera id that the deployment covers.")] = CAMERA,
    shown_as: Annotated[
        str, typer.Option(help="Address of the console in a person's browser.")
    ] = "http://127.0.0.1:8080",
) -> None:
    """Open a deployment at the console over the one person of the footage, and print the link of whoever looks at alerts.

    Done once: where it was done already, only that is said.
    """
    with told_plainly():
        done = first_link.with_name(_LINK)
        if done.exists():
            out.print("the deployment was opened before; sign in at the console with an account")
            return
        if not first_link.exists():
            raise StackError(
                f"the console wrote no first sign-in link to {first_link}: see its log"
            )
        picture = next(iter(sorted(street.glob(f"{_PICTURE}.*"))), None)
        if picture is None:
            raise StackError(f"{street} holds no picture: run `lookout prepare footage` first")
        with Officers(f"{console}{first_link.read_text().strip()}") as officers:
            name = open_deployment(
                officers,
                [row_of(ENROLLED_REFERENCE, picture)],
                [camera],
                target_fpir=_FALSE_ALERTS,
                say=out.print,
            )
            link = officers.link(Role.LFR_OPERATOR).replace(console, shown_as)
        done.touch(mode=0o600)
        out.print(f"in force: {name}")
        out.print(f"once, within 15 minutes: {link}", soft_wrap=True)
