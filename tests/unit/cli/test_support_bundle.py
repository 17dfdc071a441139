"""A support bundle helps, and holds no secret, no picture and no template, wherever they were planted."""

import base64
import json
import stat
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout_cli.commands.support_bundle import gather
from lookout_cli.stack.folder import StateFolder
from lookout_cli.support import parts
from lookout_cli.support.bundle import write_bundle
from lookout_cli.support.redaction import WITHHELD, Redaction

RANDOM = np.random.default_rng(7)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + RANDOM.bytes(300)
TEMPLATE = RANDOM.normal(size=128).astype(np.float32)
SECRET = "Correct-horse-7"
KEY = RANDOM.bytes(32)
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIH\nabc=\n-----END PRIVATE KEY-----"

# How each could stand in a log, or in an address.
PLANTED = [
    f"connecting to redis://lookout:{SECRET}@10.0.0.5:6379/0",
    f"rtsp://admin:{SECRET}@camera.example/stream did not answer",
    f"password={SECRET}",
    f'{{"event": "refused", "sasl_password": "{SECRET}"}}',
    f"Authorization: Bearer {SECRET}",
    f"token: '{SECRET}'",
    f"nothing names it, but it is known: {SECRET}!",
    f"key {KEY.hex()}",
    f"key {base64.b64encode(KEY).decode()}",
    f"key {base64.urlsafe_b64encode(KEY).decode()}",
    PEM,
    f"picture {base64.b64encode(JPEG).decode()}",
    f"picture {JPEG!r}",
    f"picture {json.dumps(JPEG.decode('latin-1'))}",
    f"vector {TEMPLATE.tolist()}",
    f"vector {TEMPLATE!r}",
    f"vector {TEMPLATE.tobytes()!r}",
]


def traces_of(planted: str) -> list[bytes]:
    """Pieces of what was planted, long enough to be no accident."""
    wanted = [
        SECRET.encode(),
        KEY.hex().encode()[8:40],
        base64.b64encode(KEY)[4:24],
        b"MC4CAQAwBQYDK2VwBCIEIH",
        base64.b64encode(JPEG)[:40],
        base64.b64encode(JPEG)[100:140],
        JPEG[:11],
        JPEG[20:40],
        repr(JPEG)[2:60].encode(),
        TEMPLATE.tobytes()[:16],
        ", ".join(map(str, TEMPLATE.tolist()[:4])).encode(),
    ]
    return [piece for piece in wanted if piece in planted.encode("utf-8", "surrogateescape")]


@pytest.mark.parametrize("planted", PLANTED, ids=range(len(PLANTED)))
def test_what_is_secret_or_biometric_is_withheld_wherever_it_stands(planted: str) -> None:
    redacted = Redaction([SECRET]).text(f"before\n{planted}\nafter")
    assert WITHHELD in redacted
    assert not traces_of(redacted)
    assert redacted.startswith("before\n")
    assert redacted.endswith("\nafter")


def test_a_log_of_a_service_stays_readable() -> None:
    line = (
        '{"state": "not_running", "reason": "the keyring does not answer (TimeoutError)", "level": "info", '
        '"timestamp": "2026-11-28T01:26:18.516196Z", "instance": "matching-1", "folder": '
        '"/var/lib/lookout/gallery/deployment-6f9619ff-8b86-d011-b42d-00cf4fc964ff"}'
    )
    assert Redaction([SECRET]).text(line) == line


def test_settings_show_numbers_and_paths_and_withhold_what_is_secret() -> None:
    shown = Redaction().settings(
        {
            "metrics_port": 9000,
            "gallery_api_key": SECRET,
            "cameras": f"entrance=rtsp://admin:{SECRET}@camera.example/1",
            "vault_secret_file": Path("/run/secrets/vault"),
            "kafka": {"bootstrap": "broker:9092", "password": SECRET},
            "database_url": f"postgresql://console:{SECRET}@db/console",
            "ca_file": None,
        }
    )
    assert SECRET not in json.dumps(shown)
    assert shown["metrics_port"] == 9000
    assert shown["vault_secret_file"] == "/run/secrets/vault"
    assert shown["kafka"] == {"bootstrap": "broker:9092", "password": WITHHELD}
    assert shown["database_url"] == f"postgresql://{WITHHELD}@db/console"


@given(st.binary(min_size=48, max_size=200))
def test_no_run_of_bytes_gets_through(data: bytes) -> None:
    redacted = Redaction().text(f"x {base64.b64encode(data).decode()}\ny {data!r}\nz {data.hex()}")
    assert data.hex() not in redacted
    encoded = base64.b64encode(data).decode()
    mixed = len({c.isupper() for c in encoded if c.isalpha()}) == 2 and any(
        map(str.isdigit, encoded)
    )
    assert not mixed or encoded not in redacted


def planted_state(folder: Path) -> StateFolder:
    """A state folder after a stack that has ended, with everything that must not leave it."""
    state = StateFolder(folder)
    state.prepare()
    state.vault_secret.write_text(SECRET)
    (state.evidence / "alert-1.jpg").write_bytes(JPEG)
    (state.people / "person.npy").write_bytes(TEMPLATE.tobytes())
    (state.logs / "picture.jpg").write_bytes(JPEG)
    log = "\n".join(["first words", *PLANTED, "last words"]).encode()
    (state.logs / "capture.log").write_bytes(log + b"\n" + JPEG + b"\n" + TEMPLATE.tobytes())
    return state


def everything_in(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_a_bundle_of_a_state_folder_full_of_them_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = planted_state(tmp_path / "state")
    monkeypatch.setenv("LOOKOUT_VAULT_SECRET_FILE", str(state.vault_secret))
    monkeypatch.setenv("LOOKOUT_KEYRING_URL", "redis://10.0.0.5:6379/0")
    monkeypatch.setenv("LOOKOUT_KEYRING_PASSWORD_FILE", str(state.vault_secret))
    path = tmp_path / "bundle.tar.gz"
    problems = gather(path, state.root, addresses={}, logs=[state.logs / "capture.log"], lines=500)
    assert problems
    assert "no local stack runs" in problems[0]
    files = everything_in(path)
    assert set(files) == {
        f"lookout-support/{name}"
        for name in ("README.txt", "logs/capture.log", "settings.json", "versions.json")
    }
    for content in files.values():
        assert not traces_of(content.decode("utf-8", "surrogateescape"))
    assert b"first words" in files["lookout-support/logs/capture.log"]
    assert b"10.0.0.5:6379" in files["lookout-support/settings.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_gathered_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    def broken() -> dict[str, str]:
        raise OSError(f"no route to redis://lookout:{SECRET}@10.0.0.5")

    path = tmp_path / "bundle.tar.gz"
    problems = write_bundle(path, {"status": broken, "versions": parts.versions}, Redaction())
    assert problems == [f"status: no route to redis://{WITHHELD}@10.0.0.5"]
    files = everything_in(path)
    assert b"not gathered: status" in files["lookout-support/README.txt"]
    assert json.loads(files["lookout-support/versions.json"])["libraries"]["numpy"]


def test_a_service_that_does_not_answer_is_told_in_its_place() -> None:
    (text,) = parts.metrics({"capture": "http://127.0.0.1:9/metrics"}).values()
    assert text.startswith("no answer")


def test_of_a_long_log_the_last_lines_are_taken(tmp_path: Path) -> None:
    log = tmp_path / "keeper.log"
    log.write_text("".join(f"line {number} {'.' * 200}\n" for number in range(20_000)))
    (text,) = parts.logs([log], 3).values()
    assert [line.split()[1] for line in text.split("\n") if line] == ["19997", "19998", "19999"]


def test_settings_of_the_platform_and_of_each_service_are_in_the_bundle() -> None:
    settings = PlatformSettings(kafka=KafkaSection(bootstrap="broker:9092"))
    text = parts.settings(settings, Redaction())["settings.json"]
    told = json.loads(text)
    assert told["platform"]["kafka"]["bootstrap"] == "broker:9092"
    assert set(told) == {
        "platform",
        "capture",
        "detection",
        "embedding",
        "matching",
        "alerting",
        "keeper",
    }


def test_settings_of_services_are_told_without_the_addresses_of_cameras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "LOOKOUT_CAPTURE_CAMERAS", f"entrance=rtsp://admin:{SECRET}@camera.example/1"
    )
    monkeypatch.setenv("LOOKOUT_CAPTURE_FPS", "not a number")
    text = parts.settings(PlatformSettings(), Redaction())["settings.json"]
    assert SECRET not in text
    assert json.loads(text)["capture"] == "not valid: fps"
    monkeypatch.setenv("LOOKOUT_CAPTURE_FPS", "12.5")
    text = parts.settings(PlatformSettings(), Redaction())["settings.json"]
    assert SECRET not in text
    assert json.loads(text)["capture"]["fps"] == 12.5
