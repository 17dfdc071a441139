"""``lookout-verify``: the verification for whoever has a broker's data directory, and nothing of Lookout."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

CANNOT = 2
_FOLDERS = (
    ("--kafka-data", "DIR", "a broker's log.dirs, or a copy"),
    ("--scan", "DIR", "folder or file to look through: logs, stores, temporary files"),
    ("--gallery", "DIR", "Qdrant's storage, or an embedded gallery's folder"),
    ("--anchors", "FILE", "anchors of the chain that were taken away"),
)
_FILES = (
    ("--trust", "FILE", "trust.json: who may sign"),
    ("--keyring-file", "FILE", "file with the keyring's URL, where it holds a password"),
    ("--schemas", "DIR", "avro/ and schemas.lock.json, where a registry gave the ids"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, tell, and give the exit code: 0 kept, 1 broken, 2 cannot verify."""
    given = _parser().parse_args(arguments)
    try:
        # Imported here, so that a machine without `cryptography` is told what it lacks.
        from lookout_verifier import keyring, schemas, topics, trust, verification  # noqa: PLC0415
        from lookout_verifier.render import as_text  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: no module {error.name}: run `pip install cryptography`\n")
        return CANNOT
    try:
        report = verification.verify(
            verification.Sources(
                kafka=given.kafka_data,
                prefix=given.prefix,
                schemas=given.schemas,
                trust=given.trust,
                keyring=_keyring(given),
                scan=given.scan,
                gallery=given.gallery,
                metrics=given.metrics,
                pids=given.pid,
                anchors=given.anchors,
            ),
            verification.Options(sample=given.sample, settle_s=given.settle),
        )
    except (
        OSError,
        keyring.KeyringError,
        schemas.SchemasError,
        topics.KafkaDataError,
        trust.TrustError,
        verification.CannotVerifyError,
    ) as error:
        sys.stderr.write(f"error: {error}\n")
        return CANNOT
    sys.stdout.write(
        json.dumps(report.as_json(), indent=2) + "\n" if given.json else as_text(report)
    )
    return report.exit_code


def run() -> None:
    """Run as a program."""
    sys.exit(main())


def _keyring(given: argparse.Namespace) -> str | None:
    """The keyring's address: from a file, where it holds a password that no list of processes should show."""
    if given.keyring_file is not None:
        path: Path = given.keyring_file
        return path.read_text().strip()
    url: str | None = given.keyring
    return url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookout-verify",
        description="Check what Lookout promises about forgetting, from a broker's data directory (or a copy) and, where "
        "there is one, the keyring. Exit code 0: kept, 1: broken, 2: cannot verify.",
    )
    for option, metavar, text in _FOLDERS:
        wanted = option == "--kafka-data"
        # None says that nobody looked where galleries are.
        default: list[Path] | None = None if option == "--gallery" else []
        parser.add_argument(
            option,
            type=Path,
            action="append",
            required=wanted,
            default=default,
            metavar=metavar,
            help=f"{text}; repeat for more",
        )
    for option, metavar, text in _FILES:
        parser.add_argument(option, type=Path, metavar=metavar, help=text)
    add = parser.add_argument
    add("--keyring", metavar="URL", help="unix://PATH, redis://HOST:PORT or rediss://HOST:PORT")
    add("--metrics", action="append", default=[], metavar="URL", help="endpoint; repeat for more")
    add("--pid", type=int, action="append", default=[], help="its core dumps must be off; repeat")
    add("--prefix", default="lookout.", help="what the names of topics begin with")
    add("--sample", type=int, default=200, help="how many destroyed payloads to try to open")
    add("--settle", type=float, default=20.0, help="seconds that receipts under way get to arrive")
    add("--json", action="store_true", help="the report for machines")
    return parser


if __name__ == "__main__":
    run()
