"""A search through every interleaving of processes that share a world.

A process is known by what it was answered so far: its generator is deterministic, so the answers say where it
stands, its *place*; a crash is a process that is never stepped again, which the search covers because every
prefix of every order is visited.
"""

import errno
from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Process = Callable[[], Generator[Any, Any, Any]]
Answer = tuple[str, Any]
"""``("ok", value)`` or ``("raise", what)``."""

_BITS: Final = 50
"""What a state gives the places of all its processes; the bits above hold the world."""
_UNKNOWN: Final = 0
_ENDED: Final = -1
"""No move is either: a process that moves comes to a place of a higher number."""
FULL: Final = OSError(errno.ENOSPC, "No space left on device")


@dataclass(frozen=True)
class Done:
    """What an action did: the world after it, its answer, whether calls pass now, and what broke by it."""

    world: Any
    answer: Answer
    opened: bool
    violations: tuple[str, ...]


class Numbers:
    """Things by the number they got when first met."""

    def __init__(self, limit: int) -> None:
        self.things: list[Any] = []
        self._limit = limit
        self._numbers: dict[Hashable, int] = {}

    def __getitem__(self, thing: Hashable) -> int:
        number = self._numbers.setdefault(thing, len(self.things))
        if number == len(self.things):
            assert number < self._limit, "a state cannot hold so many"
            self.things.append(thing)
        return number


class Moves:
    """What one process does next, by world and place: what is to be added to a state for the one after."""

    def __init__(self) -> None:
        self._table: NDArray[np.int64] = np.zeros((64, 64), np.int64)

    def of(self, worlds: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The moves known of these; :data:`_UNKNOWN` where none was entered."""
        while worlds.max() >= self._table.shape[0]:
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        while places.max() >= self._table.shape[1]:
            self._table = np.concatenate([self._table, np.zeros_like(self._table)], axis=1)
        return self._table[worlds, places]

    def enter(self, world: int, place: int, move: int) -> None:
        """From now on this is the move; its world and place were asked for before."""
        self._table[world, place] = move


class Search:
    """Every reachable state of these processes over one world; ``violations`` says what broke and how.

    ``act(world, name, action)`` is one atomic action. Worlds and places are numbered when first met, a state
    is one number made of theirs, and an action is worked out once a world: most states differ from others
    only in where the other processes stand. Every move is one answer more, so states of one depth are met at
    that depth only, and all of them are visited together.
    """

    def __init__(
        self, processes: dict[str, Process], world: Any, act: Callable[[Any, str, Any], Done]
    ) -> None:
        self.processes = processes
        self.names = tuple(processes)
        self.violations: list[str] = []
        self.way: list[str] = []
        self.opened = False
        self.states = 0
        self._act = act
        self._width = _BITS // len(self.names)
        self._worlds = Numbers(1 << (63 - _BITS))
        self._places = [Numbers(1 << self._width) for _ in self.names]
        self._moves = [Moves() for _ in self.names]
        self._start = (self._worlds[world] << _BITS) + sum(one[()] for one in self._places)
        self._action = cache(self._wanted)
        self._done = cache(lambda number, name, action: act(self._worlds.things[number], name, action))

    def run(self) -> "Search":
        """Visit everything, breadth first; ends at the first violation, with the shortest way to it."""
        depths = [np.array([self._start], np.int64)]
        while depths[-1].size and not self.violations:
            depths.append(self._next(depths))
        self.states = sum(one.size for one in depths)
        return self

    def worlds(self) -> list[Any]:
        """Every world that was reached."""
        return self._worlds.things

    def _next(self, depths: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Every state one move on."""
        here = depths[-1]
        found = []
        for index in range(len(self.names)):
            worlds, places = here >> _BITS, self._place(here, index)
            moves = self._moves[index].of(worlds, places)
            unknown = moves == _UNKNOWN
            for state in self._first_of_each(here[unknown], index):
                broken = self._work_out(int(state), index)
                if broken:
                    self.violations += broken
                    self.way = [*self._way(depths, int(state)), self._told(int(state), index)]
                    return here[:0]
            moves[unknown] = self._moves[index].of(worlds[unknown], places[unknown]) if unknown.any() else 0
            found.append((here + moves)[moves != _ENDED])
        return _each_once(np.concatenate(found))

    def _place(self, states: Any, index: int) -> Any:
        return (states >> (self._width * index)) & ((1 << self._width) - 1)

    def _first_of_each(self, states: NDArray[np.int64], index: int) -> NDArray[np.int64]:
        """One state for each world and place of a process among these."""
        keys = (states >> _BITS << self._width) + self._place(states, index)
        return states[np.unique(keys, return_index=True)[1]]

    def _work_out(self, state: int, index: int) -> tuple[str, ...]:
        """Enter the move of a process in a state; gives what breaks by it."""
        world, place = state >> _BITS, self._place(state, index)
        action = self._action(index, place)
        if action is None:
            self._moves[index].enter(world, place, _ENDED)
            return ()
        done = self._done(world, self.names[index], action)
        places = self._places[index]
        following = places[(*places.things[place], done.answer)]
        move = ((self._worlds[done.world] - world) << _BITS) + ((following - place) << (self._width * index))
        self._moves[index].enter(world, place, move)
        self.opened |= done.opened
        return done.violations

    def _wanted(self, index: int, place: int) -> Any:
        """The action this process wants next, ``None`` when it has ended."""
        steps = self.processes[self.names[index]]()
        try:
            action = next(steps)
            for kind, answer in self._places[index].things[place]:
                action = steps.throw(_error(answer)) if kind == "raise" else steps.send(answer)
        except (StopIteration, OSError):  # it has ended, or what failed ended it
            return None
        return action

    def _way(self, depths: list[NDArray[np.int64]], state: int) -> list[str]:
        """Who did what on the way to ``state``, which is of the last depth."""
        way: list[str] = []
        for earlier in depths[-2::-1]:
            state, index = next(self._before(earlier, state))
            way.append(self._told(state, index))
        return way[::-1]

    def _before(self, earlier: NDArray[np.int64], state: int) -> Iterator[tuple[int, int]]:
        """Which of these states comes to ``state`` by whose move."""
        for index in range(len(self.names)):
            moves = self._moves[index].of(earlier >> _BITS, self._place(earlier, index))
            for one in earlier[(earlier + moves == state) & (moves != _ENDED)]:
                yield int(one), index

    def _told(self, state: int, index: int) -> str:
        name, action = self.names[index], self._action(index, self._place(state, index))
        return f"{name} {action} -> {self._done(state >> _BITS, name, action).answer}"


def _each_once(states: NDArray[np.int64]) -> NDArray[np.int64]:
    """These without what stands twice; sorting is cheaper than the hashing of ``np.unique``."""
    states.sort()
    once: NDArray[np.int64] = states[np.diff(states, prepend=states[:1] - 1) != 0]
    return once


def _error(what: Any) -> Exception:
    return {"full": FULL, "exists": FileExistsError(), "missing": FileNotFoundError()}.get(
        what, OSError(what)
    )
