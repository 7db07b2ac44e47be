"""Which fault happens when: all of it follows from the seed. And the one who does it."""
import heapq
import itertools
import random
import time

from torture.faults import TABLE

PAUSE_S = 0.02
UNDO_LIMIT_S = 150


def make_schedule(seed, seconds, mean_pause_s, names):
    """[(at, fault, its seed)] for so many seconds."""
    chance = random.Random(seed)
    faults = [TABLE[name] for name in names]
    weights = [fault.weight for fault in faults]
    schedule, at = [], 1.0
    while at < seconds:
        (fault,) = chance.choices(faults, weights)
        schedule.append((at, fault, f"{seed}/{len(schedule)}/{fault.name}"))
        at += chance.expovariate(1 / mean_pause_s)
    return schedule


class Conductor:
    """Does what the schedule says. One thread; faults that take their time are generators."""

    def __init__(self, arena, schedule, log):
        self._arena, self._log = arena, log
        self._numbers = itertools.count()
        # (at, number, fault, generator; None: not begun)
        self._agenda = [(at, next(self._numbers), fault, seed, None) for at, fault, seed in schedule]
        heapq.heapify(self._agenda)
        self._held = set()
        self._began = time.monotonic()
        self.done = {}

    def elapsed_s(self):
        return time.monotonic() - self._began

    def turn(self):
        """Does what is due. False when nothing is left."""
        while self._agenda and self._agenda[0][0] <= self.elapsed_s():
            self._step(*heapq.heappop(self._agenda)[2:])
        return bool(self._agenda)

    def finish(self):
        """Lets faults that have begun come to their end; no others begin."""
        self._agenda = [item for item in self._agenda if item[4] is not None]
        heapq.heapify(self._agenda)
        deadline = time.monotonic() + UNDO_LIMIT_S
        while self.turn():
            assert time.monotonic() < deadline, f"faults that do not end: {[item[3] for item in self._agenda]}"
            time.sleep(PAUSE_S)

    def _step(self, fault, seed, generator):
        if generator is None:
            if fault.holds in self._held:
                self._log(f"{seed}: not now, {fault.holds} is held")
                return
            if fault.holds:
                self._held.add(fault.holds)
            self._log(f"{seed}: {fault.told}")
            self.done[fault.name] = self.done.get(fault.name, 0) + 1
            generator = fault.act(self._arena, random.Random(seed))
        try:
            wait_s = next(generator)
        except StopIteration:
            self._held.discard(fault.holds)
            return
        heapq.heappush(self._agenda, (self.elapsed_s() + wait_s, next(self._numbers), fault, seed, generator))
