"""Apprise against a real receiver on loopback."""

import json

import pytest
from lookout_console.notify.channels import BadChannelError, Channels
from support.http_receiver import http_receiver

# One of Apprise's plugins, which are all loaded, imports a module that Python 3.13 drops.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_what_is_told_reaches_the_channel_with_title_and_body() -> None:
    with http_receiver() as receiver:
        channels = Channels([receiver.url.replace("http://", "json://")])
        channels.tell("Alert", "RED at North Square: open the console.")
        assert channels.send_waiting() == 1
        (received,) = receiver.received
    said = json.loads(received.body)
    assert (said["title"], said["message"]) == ("Alert", "RED at North Square: open the console.")


def test_a_channel_that_fails_is_not_counted_and_hurts_nobody() -> None:
    with http_receiver() as receiver:
        receiver.answers = [500]
        channels = Channels([receiver.url.replace("http://", "json://")])
        channels.tell("Alert", "body")
        assert channels.send_waiting() == 0


def test_without_channels_nothing_waits() -> None:
    channels = Channels([])
    channels.tell("Alert", "body")
    assert channels.send_waiting() == 0


def test_a_bad_address_is_refused_without_being_repeated() -> None:
    with pytest.raises(BadChannelError) as refused:
        Channels(["nosuchscheme://name:secret-word@host"])
    assert "secret-word" not in str(refused.value)
