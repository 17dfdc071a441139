"""A single Kafka node on this machine: KRaft, bound to the loopback, started and stopped as our own child.

The jars come once from Maven into a cache folder; from then on nothing is downloaded. The node is tuned for a laptop and
for tests: one replica, few internal partitions, no delay before a group's first rebalance.
"""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

KAFKA_VERSION = "4.1.0"
_JAVA_AT_LEAST = 17
_READY_WITHIN_S = 90.0
_MAVEN_WITHIN_S = 900.0

# A fresh JVM spends most of its start compiling and loading classes: the first compiler tier only, and the serial
# collector, which needs no threads of its own, halve it. No core dumps: they would hold every message in memory.
_JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:-CreateCoredumpOnCrash",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Djava.awt.headless=true",
)


class LocalKafkaError(Exception):
    """The node cannot be had or does not run. The text says why, and what to do."""


def default_cache() -> Path:
    """Where the jars are kept between runs."""
    return Path.home() / ".cache" / "lookout" / "kafka" / KAFKA_VERSION


class LocalKafka:
    """One node, whose data, configuration and log lie in ``folder``.

    The port is chosen once (free, unless given) and kept over restarts, so that clients find the node again.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        heap_mb: int = 512,
        *,
        cache: Path | None = None,
        routes: Mapping[str, int] | None = None,
    ) -> None:
        """``routes``: more listeners by name, and the port of the loopback that clients of each are told to come back to.

        That port is somebody else's, who passes on to `routed_port`: so the way of one client can be cut alone.
        """
        self._folder = folder
        self._port = port
        self._controller_port: int | None = None
        self._heap_mb = heap_mb
        self._cache = cache or default_cache()
        self._told = dict(routes or {})
        self._routed: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        if self._port is None:
            raise LocalKafkaError("the node has no port before its first start")
        return f"127.0.0.1:{self._port}"

    def routed_port(self, route: str) -> int:
        """Where the node itself listens for a route; known from the first start."""
        if route not in self._routed:
            raise LocalKafkaError(f"there is no route {route} yet: start the node first")
        return self._routed[route]

    @property
    def pid(self) -> int | None:
        """Process id of the running node, None when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """What the node prints: warnings and errors."""
        return self._folder / "kafka.log"

    def available(self) -> str | None:
        """Why the node cannot run here, in words for people; None when it can."""
        java = shutil.which("java")
        if java is None:
            return f"no java on PATH: install Java {_JAVA_AT_LEAST} or newer"
        version = _java_version(java)
        if version < _JAVA_AT_LEAST:
            return f"java on PATH is version {version}: install Java {_JAVA_AT_LEAST} or newer"
        if not self._cache.is_dir() and shutil.which("mvn") is None:
            return f"no mvn on PATH to get Kafka's jars, and none cached in {self._cache}: install Maven"
        return None

    def prepare(self, progress: Callable[[str], None] | None = None) -> None:
        """Have the jars in the cache. Downloads 43 MB the first time; does nothing, and needs no Maven, later."""
        if self._cache.is_dir():
            return
        mvn = shutil.which("mvn")
        if mvn is None:
            raise LocalKafkaError(self.available() or "no mvn on PATH: install Maven")
        if progress is not None:
            progress(
                f"Getting Apache Kafka {KAFKA_VERSION} with Maven into {self._cache} (43 MB, once)"
            )
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache.parent, prefix=".kafka-") as scratch:
            jars = self._download(mvn, Path(scratch))
            try:
                jars.rename(self._cache)  # all or nothing: an interrupted download leaves no cache
            except OSError:
                if not self._cache.is_dir():  # else somebody else was faster, with the same jars
                    raise

    def start(self) -> None:
        """Start the node and return once it answers. Raises `LocalKafkaError` if it does not."""
        if self.pid is not None:
            return
        reason = self.available()
        if reason is not None:
            raise LocalKafkaError(reason)
        self.prepare()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = _free_port(self._port)
        self._controller_port = _free_port(None)
        self._routed = {name: _free_port(self._routed.get(name)) for name in self._told}
        properties = self._write_properties()
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(properties)
        ready = False
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell words from outside
                self._java("kafka.Kafka", str(properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on, in order
            )
        try:
            self._wait_ready()
            ready = True
        finally:
            if not ready:  # an impatient Ctrl-C, too, leaves no node behind
                self.kill()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop the node in an orderly way; by force when it takes longer than ``timeout_s``."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the node without warning, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()

    def _download(self, mvn: str, scratch: Path) -> Path:
        pom = scratch / "pom.xml"
        pom.write_bytes(resources.files(__package__).joinpath("pom.xml").read_bytes())
        jars = scratch / "jars"
        command = [mvn, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        done = _run(command, _MAVEN_WITHIN_S)
        if done.returncode != 0 or not any(jars.glob("kafka_*.jar")):
            raise LocalKafkaError(
                f"Maven could not get Kafka's jars (exit {done.returncode}); is its repository in reach? "
                + _tail(done.stdout + done.stderr)
            )
        return jars

    def _write_properties(self) -> Path:
        routed = {name.upper(): port for name, port in self._routed.items()}
        told = {name.upper(): port for name, port in self._told.items()}
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": _listeners(
                {"BROKER": self._port, "CONTROLLER": self._controller_port, **routed}
            ),
            "advertised.listeners": _listeners({"BROKER": self._port, **told}),
            "inter.broker.listener.name": "BROKER",
            "listener.security.protocol.map": ",".join(
                f"{name}:PLAINTEXT" for name in ("BROKER", "CONTROLLER", *routed)
            ),
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(4 * 1024 * 1024),
            "replica.fetch.max.bytes": str(4 * 1024 * 1024),
            "offsets.topic.num.partitions": "3",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A node that was killed is refused until its former self is given up for dead.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            "group.initial.rebalance.delay.ms": "0",
            "group.coordinator.append.linger.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "log.retention.check.interval.ms": "5000",
            "log.segment.delete.delay.ms": "1000",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            "num.network.threads": "2",
            "num.io.threads": "2",
            "num.recovery.threads.per.data.dir": "2",
        }
        path = self._folder / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return path

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(
            "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", f"u{cluster[1:]}"
        )
        done = _run([*command, "-c", str(properties)], _READY_WITHIN_S)
        if done.returncode != 0:
            raise LocalKafkaError(
                f"Kafka could not format {self._folder / 'data'}: {_tail(done.stdout + done.stderr)}"
            )

    def _java(self, main_class: str, *arguments: str) -> Sequence[str]:
        java = [
            "java",
            f"-Xmx{self._heap_mb}m",
            *_JVM_OPTIONS,
            "-cp",
            str(self._cache / "*"),
            main_class,
            *arguments,
        ]
        return ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh", *java]

    def _wait_ready(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.pid is None:
                self._process = None
                raise LocalKafkaError(f"Kafka ended while starting: {self._log_tail()}")
            try:
                if admin.list_topics(timeout=1.0).brokers:
                    return
            except KafkaException:
                time.sleep(0.1)
        raise LocalKafkaError(
            f"Kafka did not answer on {self.bootstrap} within {_READY_WITHIN_S:.0f} s: {self._log_tail()}"
        )

    def _log_tail(self) -> str:
        return _tail(self.log_file.read_text(errors="replace") if self.log_file.exists() else "")


def _run(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own command line, no shell words from outside
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LocalKafkaError(f"{command[0]} did not finish within {timeout_s:.0f} s") from error


def _listeners(ports: Mapping[str, int | None]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _java_version(java: str) -> int:
    done = _run([java, "-version"], 30.0)
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(found.group(1)) if found else 0


def _free_port(wanted: int | None) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise LocalKafkaError(
                f"port {wanted} on 127.0.0.1 is in use: stop what listens there, or give another port"
            ) from error
        return int(probe.getsockname()[1])


def _tail(text: str, lines: int = 8) -> str:
    return os.linesep.join(text.strip().splitlines()[-lines:]) or "(nothing was printed)"
