#!/usr/bin/env python3
"""asyncio as a peer: tasks that are awaited, gather(), sleep().

A task takes some 15 us, which is why what the rows call a million is measured on 100,000 here; the
cost of one does not depend on their number. asyncio has no graph that could be run again.
"""

import asyncio
import gc
import platform
import threading
import time

import _peer

PEER = "asyncio"


async def nothing():
    pass


async def after(before):
    for task in before:
        await task


async def independent(count):
    tasks = [asyncio.create_task(nothing()) for _ in range(count)]
    resident = _peer.resident_bytes()
    await asyncio.gather(*tasks)
    return resident


async def chain(count):
    task = asyncio.create_task(nothing())
    for _ in range(count - 1):
        task = asyncio.create_task(after((task,)))
    resident = _peer.resident_bytes()
    await task
    return resident


async def layers(count):
    """Layers of 100 tasks, each with four edges from the layer before."""
    tasks, random = [], 1
    for i in range(count):
        before = []
        for _ in range(4 if i >= 100 else 0):
            random = (random * 1664525 + 1013904223) & 0xFFFFFFFF
            before.append(tasks[(i // 100 - 1) * 100 + (random >> 16) % 100])
        tasks.append(asyncio.create_task(after(before)))
    resident = _peer.resident_bytes()
    await asyncio.gather(*tasks)
    return resident


def measure(name, shape, full_count):
    count = _peer.tasks(full_count)
    once, used = float("inf"), 0
    for number in _peer.each_round():
        gc.collect()
        before, begin = _peer.resident_bytes(), time.perf_counter()
        resident = asyncio.run(shape(count))
        once = min(once, (time.perf_counter() - begin) / count * 1e9)
        used = (resident - before) / count if number == 0 else used
    _peer.report(f"{name}_once", PEER, once)
    _peer.report(f"{name}_bytes", PEER, used)


async def sleepers(count):
    tasks = [asyncio.create_task(asyncio.sleep(0.05)) for _ in range(count)]
    resident = _peer.resident_bytes()
    await asyncio.gather(*tasks)
    return resident


def measure_sleepers(full_count):
    count = _peer.tasks(full_count)
    wall, cpu, used = float("inf"), float("inf"), 0
    for number in _peer.each_round():
        gc.collect()
        before, begin_cpu, begin = _peer.resident_bytes(), time.process_time(), time.perf_counter()
        resident = asyncio.run(sleepers(count))
        wall = min(wall, (time.perf_counter() - begin) * 1e3)
        cpu = min(cpu, (time.process_time() - begin_cpu) * 1e3)
        used = (resident - before) / count if number == 0 else used
    _peer.report(f"sleep50_{full_count}_wall", PEER, wall)
    _peer.report(f"sleep50_{full_count}_cpu", PEER, cpu)
    _peer.report(f"sleep50_{full_count}_bytes", PEER, used)


async def note_start():
    return time.perf_counter()


def latency():
    """From this thread to an event loop that sleeps on another."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start_us, submit_us = [], []
    for _ in range(_peer.tasks(500)):
        time.sleep(0.001)
        begin = time.perf_counter()
        future = asyncio.run_coroutine_threadsafe(note_start(), loop)
        submitted = time.perf_counter()
        start_us.append((future.result() - begin) * 1e6)
        submit_us.append((submitted - begin) * 1e6)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    start_us.sort()
    submit_us.sort()
    _peer.report("start_latency_p50", PEER, start_us[len(start_us) // 2])
    _peer.report("start_latency_p99", PEER, start_us[len(start_us) * 99 // 100])
    _peer.report("submit_cost_p50", PEER, submit_us[len(submit_us) // 2])


def shape_section(name, shape):
    return [f"{name}_once", f"{name}_bytes"], lambda: measure(name, shape, 100000)


def sleep_section(count):
    return ([f"sleep50_{count}_{what}" for what in ("wall", "cpu", "bytes")],
            lambda: measure_sleepers(count))


_peer.main(f"Python {platform.python_version()}", {
    "sleep50_10000": sleep_section(10000),
    "sleep50_100000": sleep_section(100000),
    "independent_1m": shape_section("independent_1m", independent),
    "chain_1m": shape_section("chain_1m", chain),
    "layers_100k": shape_section("layers_100k", layers),
    "start_latency": (["start_latency_p50", "start_latency_p99", "submit_cost_p50"], latency),
})
