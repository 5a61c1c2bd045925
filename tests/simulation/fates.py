"""What happens to processes, messages and clocks."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from orchestration.errors import RejectedError
from orchestration.plans import UNDO
from tests.simulation.ground import Ground, raise_
from tests.simulation.stage import Stage

TICK_S = 2.0
LONG_TICKS = 8
MOST_WORKERS = 4  # while chance rules; more may start so that every run ends
LARGE = "x" * 70_000


class Fates(Ground):
    """Messages arrive or do not; processes work, stand still, die; time goes by."""

    def a_worker_is_born(self) -> None:
        if len(self.processes) < MOST_WORKERS or self.faults.healed:
            process = self.start()
            self.processes.append(process)
            process.join()

    def a_message_arrives(self) -> None:
        messages = self.messages
        if messages and self.chance(0.05):
            messages.pop(self.random.randrange(len(messages)))  # it is lost
        if not messages or not self.living:
            return
        message = messages[self.random.randrange(min(3, len(messages)))]
        process = self.random.choice(self.living)
        if process.takes(message):
            messages.remove(message)
            if self.chance(0.15):
                messages.append(message)
            process.work(message)

    def an_attempt_ends(self) -> None:
        """End an attempt, preferably one whose branch another worker works on by now."""
        found = [(each, stage) for each in self.living for stage in each.claimed]
        keys = Counter(stage.key for _, stage in found)
        late = [(each, stage) for each, stage in found if keys[stage.key] > 1]
        if found:
            process, stage = self.random.choice(late or found)
            process.answer(stage, self.outcome_of(stage))

    def outcome_of(self, stage: Stage) -> Callable[[], Any]:
        """How an action ends its attempt: a result to return, or an error to raise."""
        context = stage.context
        assert context is not None
        if not context.step.startswith(UNDO) and self.chance(0.15):
            return partial(raise_, RejectedError("no") if self.chance(0.3) else OSError("broken"))
        if context.step in ("asked", "pay") and self.chance(0.4):
            return partial(raise_, RejectedError("no"))
        if context.step == "pay":
            context.configuration.set("payer", context.workflow_id)
        if self.chance(0.3):
            context.progress(self.random.random(), "more")
        value: Any = LARGE if self.chance(0.01) else context.attempt
        if context.step == "seek" and self.chance(0.8):
            value = {"found": self.chance(0.7)}
        return lambda: value

    def a_worker_dies(self) -> None:
        if self.processes and self.chance(0.4):
            self.random.choice(self.processes).die()

    def a_worker_stands_still(self) -> None:
        """Stop a worker for a moment, or for so long that other workers take over from it."""
        busy = [each for each in self.living if each.stages] or self.living
        if not busy or self.chance(0.3):
            return
        process = self.random.choice(busy)
        process.paused = True
        if self.chance(0.4):
            for _ in range(LONG_TICKS):
                self.tick()
            for _ in range(LONG_TICKS):
                self.a_message_arrives()
            process.paused = self.chance(0.5)

    def a_worker_goes_on(self) -> None:
        for process in self.processes:
            process.paused = process.paused and self.chance(0.6)

    def a_worker_goes(self) -> None:
        if self.living and self.chance(0.2):
            self.random.choice(self.living).leave()

    def time_goes_by(self) -> None:
        """Pass some ticks in which every live process beats; or suspend the whole machine."""
        if self.chance(0.4):
            self.suspend(self.random.choice([11, 70, 700]))
        elif self.chance(0.1):
            self.clock.jump(timedelta(seconds=self.random.choice([-3600, -30, 30, 3600])))
        for _ in range(self.random.choice([1, 1, 2, 7])):
            self.tick()

    def suspend(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def tick(self) -> None:
        self.clock.advance(timedelta(seconds=TICK_S))
        self.awake_s += TICK_S
        for process in self.living:
            if process.lives:
                process.tick()

    def a_scheduler_ticks(self) -> None:
        """Let both schedulers tick; neither knows what the other does."""
        for _ in range(2):
            if self.living:
                self.random.choice(self.living).sweep()

    def the_ingress_listens(self) -> None:
        if self.living:
            self.random.choice(self.living).listen()

    def the_notifier_speaks(self) -> None:
        if self.living:
            self.random.choice(self.living).speak()

    def the_exchange_answers(self) -> None:
        """Let the exchange confirm letters, refuse one, or break a connection."""
        for process in self.processes:
            if (post := process.post).under_way:
                if self.faults.healed:
                    with process.acting():
                        post.confirm(len(post.under_way))
                elif self.chance(0.8):
                    with process.acting():
                        post.confirm(self.random.randint(1, len(post.under_way)))
                elif self.chance(0.5):
                    post.refuse()
        self.everybody_hears()

    def messages_are_dropped(self) -> None:
        """Drop the head of the limited queue; or purge the queues of workers."""
        limited = self.exchange.queues["orchestration_queue"]
        if limited and self.chance(0.3):
            limited.pop(0)
        if self.chance(0.1):
            self.messages.clear()
