"""Which fault happens when: all of it follows from the seed. And the one who does it."""
import collections
import heapq
import itertools
import random
import time

from torture.faults import TABLE

PAUSE_S = 0.02
AGAIN_S = 0.2
SERVERS = {"postgresql", "kafka"}
UNDO_LIMIT_S = 150


def make_schedule(seed, seconds, mean_pause_s, names):
    """[(at, fault, its seed)] for so many seconds: first each of them once, then by their weights."""
    chance = random.Random(seed)
    faults = [TABLE[name] for name in names]
    weights = [fault.weight for fault in faults]
    dealt = deal(faults, chance)
    schedule, at = [], 1.0
    while at < seconds:
        fault = next(dealt, None) or chance.choices(faults, weights)[0]
        schedule.append((at, fault, f"{seed}/{len(schedule)}/{fault.name}"))
        at += chance.expovariate(1 / mean_pause_s)
    return schedule


def deal(faults, chance):
    """Each once, in any order, but those that hold the same far from each other, and last those that take a server away:
    meanwhile all others are in vain."""
    hands, places = collections.defaultdict(list), []
    for fault in faults:
        hands[fault.holds[0] if fault.holds else fault.name].append(fault)
    for hand in hands.values():
        chance.shuffle(hand)
        places += [((number + chance.random()) / len(hand), fault) for number, fault in enumerate(hand)]
    places.sort(key=lambda place: (bool(SERVERS.intersection(place[1].holds)), place[0]))
    return (fault for _, fault in places)


class Conductor:
    """Does what the schedule says. One thread; faults that take their time are generators. Where what a fault holds is
    not free it is left out, unless it would be the first of its kind: that one waits."""

    def __init__(self, arena, schedule, log):
        self._arena, self._log = arena, log
        self._numbers = itertools.count()
        # (at, number, fault, generator; None: not begun)
        self._agenda = [(at, next(self._numbers), fault, seed, None) for at, fault, seed in schedule]
        heapq.heapify(self._agenda)
        self._held, self._waiting = set(), set()
        self._began = time.monotonic()
        self.begun, self.harmed = collections.Counter(), collections.Counter()  # by the names of faults

    def elapsed_s(self):
        return time.monotonic() - self._began

    def owes(self):
        """Whether some kind is still to begin."""
        return any(item[2].name not in self.begun for item in self._agenda)

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
            generator = self._begin(fault, seed)
        if generator is None:
            return
        try:
            wait_s = next(generator)
        except StopIteration as end:
            self._held.difference_update(fault.holds)
            self.harmed[fault.name] += bool(end.value)
            self._log(f"{seed}: {'over' if end.value else 'in vain'}")
            return
        heapq.heappush(self._agenda, (self.elapsed_s() + wait_s, next(self._numbers), fault, seed, generator))

    def _begin(self, fault, seed):
        if taken := self._held.intersection(fault.holds):
            if seed not in self._waiting:
                self._log(f"{seed}: not now: {', '.join(sorted(taken))}")
            if fault.name not in self.begun:
                self._waiting.add(seed)
                heapq.heappush(self._agenda, (self.elapsed_s() + AGAIN_S, next(self._numbers), fault, seed, None))
            return None
        self._held.update(fault.holds)
        self._log(f"{seed}: {fault.told}")
        self.begun[fault.name] += 1
        return fault.act(self._arena, random.Random(seed))
