"""The ring of words that open pages read, without a browser."""

import asyncio
import json
import threading

from lookout_console.web.hub import Hub


def datas(lines: list[bytes] | tuple[bytes, ...]) -> list[int]:
    return [json.loads(line.split(b"data: ")[1])["n"] for line in lines]


def test_a_page_hears_what_was_said_since_it_was_read_and_only_for_its_view_and_deployment() -> (
    None
):
    hub = Hub()
    here = hub.position(hub.here())
    assert here is not None
    hub.publish("alert", {"queue": {"n": 1}, "handset": {"n": 10}}, scope="d1")
    hub.publish("alert", {"queue": {"n": 2}}, scope="d2")
    hub.publish("status", {"queue": {"n": 3}})
    news = hub.news(here, views=["queue"], scope="d1")
    assert datas(list(news.lines)) == [1, 3]
    assert not news.lost
    assert hub.news(news.position, views=["queue"], scope="d1").lines == []


def test_who_falls_off_the_ring_is_told_to_read_again() -> None:
    hub = Hub(kept=8)
    start = hub.position(hub.here())
    assert start is not None
    for n in range(8):
        hub.publish("alert", {"queue": {"n": n}})
    assert hub.news(start, views=["queue"], scope="").lost
    after = hub.news(start, views=["queue"], scope="").position
    hub.publish("alert", {"queue": {"n": 99}})
    assert datas(list(hub.news(after, views=["queue"], scope="").lines)) == [99]


def test_a_position_of_an_earlier_process_is_no_position() -> None:
    assert Hub().position(Hub().here()) is None
    assert Hub().position("") is None
    assert Hub().position("nonsense-x") is None
    hub = Hub()
    boot = hub.here().partition("-")[0]
    assert hub.position(f"{boot}-999") is None


def test_words_from_another_thread_wake_a_listening_loop_and_none_is_lost() -> None:
    hub = Hub()
    heard: list[int] = []

    async def listen() -> None:
        woken = asyncio.Event()
        end = hub.listen(woken.set)
        position = 0

        def speak() -> None:
            for n in range(500):
                hub.publish("alert", {"queue": {"n": n}})

        thread = threading.Thread(target=speak)
        thread.start()
        async with asyncio.timeout(10):
            while len(heard) < 500:
                await woken.wait()
                woken.clear()
                news = hub.news(position, views=["queue"], scope="")
                position = news.position
                heard.extend(datas(list(news.lines)))
        thread.join()
        end()

    asyncio.run(listen())
    assert heard == list(range(500))
    assert hub.listeners() == 0


def test_words_of_one_change_wake_a_stream_once_and_come_together() -> None:
    hub = Hub()
    wakes: list[int] = []

    async def listen() -> None:
        woken = asyncio.Event()

        def wake() -> None:
            wakes.append(1)
            woken.set()

        end = hub.listen(wake)
        hub.publish_all([("alert", {"queue": {"n": 1}}), ("waiting", {"queue": {"n": 2}})])
        # Said before the loop has come to the wake: it finds this, too.
        hub.publish("alert", {"queue": {"n": 3}})
        async with asyncio.timeout(10):
            await woken.wait()
        end()

    asyncio.run(listen())
    assert datas(list(hub.news(0, views=["queue"], scope="").lines)) == [1, 2, 3]
    assert len(wakes) == 1
