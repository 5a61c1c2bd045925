"""The checker: broken promises by the evidence of a witness file and the clients' answers.

It knows nothing of the store. Its rules:

* Every accepted command ends, in the way that its parameters ask for.
* A run that its client was told is completed has ended every branch of every step; one that was
  told failed has undone every ended branch with an undo.
* No step starts after a step that needs it has started (an undo is needed by the undos of earlier
  steps, and by nothing else), and no step of a run starts after its client was told the end.
* An attempt that ended is never followed by another one, unless its process was killed after it
  began: then its end may not have been recorded. Once a step's successor has started, or the client
  was told, not even then (that is the rule before this one).
* Two attempts of one branch never act at the same time, and no attempt number is used twice.
* A process that was stopped or cut off, and goes on after others have taken over, cannot know that
  before it looks: its further actions for an attempt that another one has followed are ignored.
  If any of them had counted, a later step would have started twice.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.acceptance.witness import END, FAIL, KILLED, RESUMED, START, TOLD, Line

UNDO = "undo."
OF_PROCESSES = {KILLED, RESUMED}


@dataclass(frozen=True)
class Promise:
    """What an accepted run must do.

    Attributes:
        outcome: The status that the client must be told.
        needs: For each step the steps that must end before it; branches by step default to 1.
        undone: Steps that are undone if the run fails.
        never: Steps that cannot end in the run.
    """

    outcome: str
    needs: Mapping[str, tuple[str, ...]]
    branches: Mapping[str, int] = field(default_factory=dict)
    undone: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()

    def all_branches(self) -> Iterator[tuple[str, int]]:
        """Every branch that must end before the client is told the run's end."""
        for step in self.needs:
            if step not in self.never:
                yield from ((step, branch) for branch in range(self.branches.get(step, 1)))

    def needed_directly(self, step: str) -> Iterator[tuple[str, int]]:
        """Every branch that must have ended before a step starts."""
        for need in self.needs.get(step, ()):
            yield from ((need, branch) for branch in range(self.branches.get(need, 1)))

    def needed_by(self, step: str) -> set[str]:
        """All steps that must have ended before a step starts, directly or not."""
        if step.startswith(UNDO):
            done = step.removeprefix(UNDO)
            later = {each for each in self.undone if done in self.needed_by(each)}
            return set(self.needs) | {UNDO + each for each in later}
        direct = set(self.needs.get(step, ()))
        return direct.union(*(self.needed_by(each) for each in direct))


def complaints(lines: Sequence[Line], promises: Mapping[str, Promise]) -> list[str]:
    """Every broken rule; empty if all hold."""
    lines = list(without_afterlife(lines))
    runs: dict[str, list[Line]] = defaultdict(list)
    killed: dict[int, list[int]] = defaultdict(list)  # process ids are used again in a long run
    for at, line in enumerate(lines):
        if line.what == KILLED:
            killed[line.pid].append(at)
    places = {id(line): at for at, line in enumerate(lines)}
    for line in lines:
        if line.what not in OF_PROCESSES:
            runs[line.run].append(line)
    found = [f"{run}: was never accepted, yet acted" for run in runs if run not in promises]
    for run, promise in promises.items():
        story = runs.get(run, [])
        found += ending(run, story, promise)
        found += order(story, promise)
        found += repetition(story, killed, places)
    return found


def without_afterlife(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines without those of stopped or cut off processes for attempts since superseded."""
    newest: dict[tuple[str, str, int], int] = {}
    gone: set[int] = set()
    for line in lines:
        if line.what == KILLED:
            gone.add(line.pid)
        if line.pid in gone and line.attempt < newest.get(line.key, 0):
            continue
        if line.what == START:
            newest[line.key] = line.attempt
        yield line


def ending(run: str, story: Sequence[Line], promise: Promise) -> Iterator[str]:
    """Check that the client was told the right outcome, once, and that the work was done."""
    told = [line.step for line in story if line.what == TOLD]
    if told != [promise.outcome]:
        yield f"{run}: its client was told {told or 'nothing'}, not {promise.outcome}"
    ended = {(line.step, line.branch) for line in story if line.what == END}
    for step, branch in promise.all_branches():
        if (step, branch) not in ended:
            yield f"{run}: {step}[{branch}] never ended"
        if step in promise.undone and (UNDO + step, branch) not in ended:
            yield f"{run}: {step}[{branch}] was never undone"


def order(story: Sequence[Line], promise: Promise) -> Iterator[str]:
    """Check that no step started after one that needs it, or before one that it needs had ended."""
    started: set[str] = set()
    ended: set[tuple[str, int]] = set()
    told = False
    for line in story:
        told = told or line.what == TOLD
        if line.what == END:
            ended.add((line.step, line.branch))
        if line.what != START:
            continue
        if told:
            yield f"{line.run}: {line.step} started after its client was told the end"
        if late := [each for each in started if line.step in promise.needed_by(each)]:
            yield f"{line.run}: {line.step} started after {late[0]}, which needs it"
        for step, branch in promise.needed_directly(line.step):
            if (step, branch) not in ended:
                yield f"{line.run}: {line.step} started before {step}[{branch}] had ended"
        started.add(line.step)


def repetition(
    story: Sequence[Line], killed: Mapping[int, Sequence[int]], places: Mapping[int, int]
) -> Iterator[str]:
    """Check that no branch was done twice without need, or twice at once."""
    last: dict[tuple[str, str, int], Line] = {}
    attempts: dict[tuple[str, str, int], int] = {}
    began: dict[tuple[str, str, int], int] = {}
    for line in story:
        if line.what == TOLD:
            continue
        name = f"{line.run}: {line.step}[{line.branch}]"
        before = last.get(line.key)
        if line.what != START:
            if before is None or (before.what, before.attempt) != (START, line.attempt):
                yield f"{name}: attempt {line.attempt} had an {line.what} without its start"
        else:
            if line.attempt <= attempts.get(line.key, 0):
                yield f"{name}: attempt number {line.attempt} was used again"
            attempts[line.key] = line.attempt
            if before is not None and before.what != FAIL:
                span = began[line.key], places[id(line)]
                if not any(span[0] < at < span[1] for at in killed.get(before.pid, ())):
                    state = "had ended" if before.what == END else "still acted"
                    yield f"{name}: started again though attempt {before.attempt} {state}"
            began[line.key] = places[id(line)]
        last[line.key] = line


@dataclass(frozen=True, slots=True)
class Comeback:
    """An attempt that a kill cut off, and its branch's next start.

    Attributes:
        kind: How the process was killed.
        killed_at: When it was killed, in seconds of the machine's monotonic clock.
        after_s: How many seconds later the next attempt began.
    """

    kind: str
    killed_at: float
    after_s: float


def comebacks(lines: Sequence[Line]) -> list[Comeback]:
    """Every branch that was cut off, in the order of the next starts."""
    found = []
    acting: dict[tuple[str, str, int], Line] = {}
    cut: dict[tuple[str, str, int], Line] = {}
    for line in lines:
        if line.what == KILLED:
            lost = [key for key, last in acting.items() if last.pid == line.pid]
            cut.update(dict.fromkeys(lost, line))
        elif line.what == START:
            if kill := cut.pop(line.key, None):
                found.append(Comeback(kill.step, kill.at, line.at - kill.at))
            acting[line.key] = line
        elif line.what in {END, FAIL} and line.key not in cut:
            acting.pop(line.key, None)
    return found
