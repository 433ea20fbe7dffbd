"""Locks down a hundred edges over Mosquitto, a third away; arguments: [EDGES] [PROCESSES] [ROUNDS].

Core, recorder, journal, uplink and link of each edge are real, ten doors each are modelled
(`tests/central/many.py`); broker and central are processes, killed before, during and after.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path
from random import Random

from central.control_messages_order import OrderProgress
from simulators.broker_process import BrokerProcess
from tests.campaigns import Result
from tests.central.many import SITE
from tests.central.many_scene import Scene, gone, named_away, scene
from tests.central.orders import lockdown
from tests.edge.signed import ANNA

EDGES, PROCESSES, ROUNDS = 100, 10, 30
NAMED_WITHIN_S = 1.0
REST_S = 5.0
"""A hundred sets to a hundred edges, spread over three seconds, are not what is measured."""

DURING_S = 0.03
"""After an order has left central, before the last door has answered."""


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    given = [int(one) for one in arguments]
    edges, processes, rounds = [*given, *(EDGES, PROCESSES, ROUNDS)[len(given) :]]
    with tempfile.TemporaryDirectory() as folder, BrokerProcess("mosquitto") as broker:
        return asyncio.run(_campaign(Path(folder), broker, edges, processes, rounds, Random(seed)))


async def _campaign(
    folder: Path, broker: BrokerProcess, edges: int, processes: int, rounds: int, chance: Random
) -> Result:
    each = -(-edges // processes)
    said = []
    async with scene(folder, broker, edges, each, lambda number: number % 3 == 0) as site:
        times = sorted([await rested_s(site) for _ in range(rounds)])
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        said.append(
            f"{edges} edges x {site.doors} doors, {rounds} lockdowns: last door confirmed at "
            f"central after {statistics.median(times) * 1e3:.0f} ms (median), {p99 * 1e3:.0f} (p99)"
        )
        parts = (third_away, broker_away, broker_killed, central_killed, both_killed)
        said += [await part(site, chance) for part in parts]
        opened = sum(one["opened"] for one in (await site.report()).values())
    return Result(opened == 0, "; ".join((*said, f"{opened} locks let go")))


async def rested_s(site: Scene) -> float:
    """As `arrival_s`, when the edges have told each other of what was before."""
    await asyncio.sleep(REST_S)
    return await arrival_s(site)


async def arrival_s(site: Scene) -> float:
    """One lockdown: until the last door has confirmed, as central has it."""
    order = lockdown(SITE, ANNA)
    done = await site.send(order.envelope)
    assert done.obeyed == done.doors == len(site.names) * site.doors, done
    assert done.took_s is not None
    await site.lifted(order.id)
    return done.took_s


async def third_away(site: Scene, chance: Random) -> str:
    """Those that are there obey, the others are named at once, and have it when they are back."""
    away = {name for number, name in enumerate(site.names) if number % 3 == 0}
    there = set(site.names) - away
    await site.crowd.ask_all(do="cut", edges=sorted(away))
    await site.connected(there)
    order = lockdown(SITE, ANNA)
    named: list[OrderProgress] = []
    done = await site.send(order.envelope, progress=named.append)
    first = next(one for one in (*named, done) if gone(one) == away)
    assert first.after_s < NAMED_WITHIN_S, first.after_s
    assert named_away(done) == away, done
    assert done.obeyed == len(there) * site.doors, done
    found = await site.report()
    assert not any(found[name]["in_force"] for name in away), "nobody has told them"
    await site.crowd.ask_all(do="mend")
    back_s = await site.in_force(order.id)
    await site.connected()
    await site.lifted(order.id)
    return (
        f"{len(away)} away: named after {first.after_s:.2f} s, the others confirmed after "
        f"{(done.took_s or 0) * 1e3:.0f} ms, all in force {back_s:.1f} s after the network was back"
    )


async def broker_away(site: Scene, chance: Random) -> str:
    """Killed before: it acts where it is carried to, and nowhere else until the broker is back."""
    site.broker.kill()
    await site.without_broker()
    order = lockdown(SITE, ANNA)
    done = await site.send(order.envelope, NAMED_WITHIN_S)
    assert named_away(done) == set(site.names), done
    assert not done.on_wire
    first = chance.choice(site.names)
    given = await site.crowd.give(first, order.envelope)
    assert given["accepted"], given
    await site.in_force(order.id, {first})
    found = await site.report()
    assert [name for name in site.names if found[name]["in_force"]] == [first]
    site.broker.start()
    back_s = await site.in_force(order.id)
    await site.connected()
    await site.lifted(order.id)
    return f"broker gone: carried to one edge, everywhere {back_s:.1f} s after it was back"


async def broker_killed(site: Scene, chance: Random) -> str:
    """While an order is on its way."""
    order = lockdown(SITE, ANNA)
    sending = asyncio.create_task(site.send(order.envelope))
    await asyncio.sleep(chance.uniform(0, DURING_S))
    site.broker.kill()
    found = await site.report()
    had = sum(order.id in one["in_force"] for one in found.values())
    site.broker.start()
    took_s = await site.in_force(order.id)
    await sending  # those that were not back yet count as away
    await site.connected()
    done = await site.send(order.envelope)
    assert done.obeyed == done.doors == len(site.names) * site.doors, done
    await site.lifted(order.id)
    return f"broker killed when {had} edges had it: everywhere {took_s:.1f} s after it was back"


async def central_killed(site: Scene, chance: Random) -> str:
    """While an order is on its way: whoever has it hands it on, and central asks anew."""
    order = lockdown(SITE, ANNA)
    sending = asyncio.create_task(site.send(order.envelope))
    while not any(order.id in one["in_force"] for one in (await site.report()).values()):
        await asyncio.sleep(0.001)
    site.central.kill()
    await asyncio.gather(sending, return_exceptions=True)
    took_s = await site.in_force(order.id)
    site.start_central()
    await site.connected()
    done = await site.send(order.envelope)
    assert done.obeyed == done.doors == len(site.names) * site.doors, done
    await site.lifted(order.id)
    return f"central killed on the way: everywhere after {took_s:.1f} s all the same"


async def both_killed(site: Scene, chance: Random) -> str:
    """After it: nothing changes at any door."""
    order = lockdown(SITE, ANNA)
    await site.send(order.envelope)
    await site.in_force(order.id)
    site.broker.kill()
    site.central.kill()
    found = await site.report()
    assert all(one["in_force"] == [order.id] for one in found.values())
    site.broker.start()
    site.start_central()
    await site.connected()
    done = await site.send(order.envelope)
    assert done.obeyed == done.doors == len(site.names) * site.doors, done
    await site.lifted(order.id)
    refusals = sum(one["refusals"] for one in (await site.report()).values())
    assert refusals == 0, "nobody has offered anything twice"
    return "both killed after it: nothing changed at any door"
