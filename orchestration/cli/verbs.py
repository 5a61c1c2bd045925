"""Every verb: its module and its line of help; a module is imported only when its verb is run."""

from collections.abc import Mapping
from typing import NamedTuple


class Verb(NamedTuple):
    """One command: `module:function` under `orchestration.cli`, and one line of help."""

    home: str
    help: str


class Group(NamedTuple):
    """The verbs of one noun; the noun alone means the default verb."""

    help: str
    verbs: Mapping[str, Verb]
    default: str | None = None


WORKFLOWS = {
    "list": Verb("workflows:list_", "List runs, newest first."),
    "show": Verb("show:show", "Tell the whole story of a run: steps, attempts, workers, errors."),
    "watch": Verb("workflows:watch", "Follow a run to its end, wherever it is worked on."),
    "why": Verb("workflows:why", "Say in one line what a run waits for, and the cure."),
    "cancel": Verb("changes:cancel", "End runs; what can be undone is undone."),
    "pause": Verb("changes:pause", "Start nothing new in runs; what is claimed may finish."),
    "resume": Verb("changes:resume", "Let paused runs go on."),
    "retry": Verb("changes:retry", "Let failed or cancelled runs go on where they did not finish."),
    "fork": Verb("forks:fork", "Make new runs that reuse finished results, perhaps edited."),
    "approve": Verb("approvals:approve", "Allow steps that wait for a person."),
    "reject": Verb("approvals:reject", "Refuse steps that wait for a person: the runs end."),
    "export": Verb("export:export", "Print runs with everything, as JSON lines."),
}
EMERGENCY = {
    "stop": Verb("emergency:stop", "Cancel all work, and start nothing new until released."),
    "release": Verb("emergency:release", "Allow work again; what the stop held up goes on."),
    "status": Verb("emergency:status", "Tell whether a stop holds, and who acknowledged it."),
}
AGENTS = {
    "list": Verb("fleet:agents", "List agents and their health."),
    "pause": Verb("pauses:pause", "Send nothing to agents; what they have begun may finish."),
    "resume": Verb("pauses:resume", "Let paused agents work again."),
}
WORKERS = {
    "list": Verb("fleet:workers", "List worker processes."),
    "drain": Verb("fleet:drain", "Let a worker finish what it has, and end."),
    "stacks": Verb("stacks:stacks", "Tell where the threads of a worker stand."),
}
TOKENS = {
    "list": Verb("tokens:list_", "List tokens, never the tokens themselves."),
    "add": Verb("tokens:add", "Make a token, and print it, once."),
    "revoke": Verb("tokens:revoke", "Let a token open nothing any more."),
}
QUEUES = {
    "list": Verb("queues:list_", "List queues: what waits, in RabbitMQ and in the store."),
    "purge": Verb("queues:purge", "Drop all messages that a queue holds."),
}
DEAD_LETTERS = {
    "list": Verb("dead_letters:list_", "List messages that could not be used."),
    "show": Verb("dead_letters:show", "Show one with its body, and why it could not be used."),
    "replay": Verb("dead_letters:replay", "Handle messages again, as if they had just come."),
    "discard": Verb("dead_letters:discard", "Forget messages for good."),
}
CONFIG = {
    "show": Verb("config:show", "Show every setting, where it comes from, and no secret."),
    "history": Verb("config:history", "Show what steps have configured, and when."),
}
SCHEDULES = {
    "list": Verb("schedules:list_", "List schedules."),
    "add": Verb("schedules:add", "Start a command by the clock."),
    "remove": Verb("schedules:remove", "Forget a schedule; its runs stay."),
    "pause": Verb("schedules:pause", "Stop a schedule for a while."),
    "resume": Verb("schedules:resume", "Let a paused schedule go on from its next time."),
    "trigger": Verb("schedules:trigger", "Start a schedule's command now."),
}
VERBS: Mapping[str, Verb | Group] = {
    "run": Verb("run:run", "Start a workflow, and follow it to its end."),
    "send": Verb("send:send", "Start a workflow, and print its id."),
    "commands": Verb("commands:commands", "List what can be started, and its parameters."),
    "serve": Verb("serve:serve", "Work for every run, all in one process, until stopped."),
    "web": Verb("web:web", "Serve HTTP: the API and the console."),
    "workflows": Group("Runs: see, explain and steer them.", WORKFLOWS),
    "agents": Group("The agents of the fleet.", AGENTS),
    "workers": Group("The processes that work.", WORKERS),
    "queues": Group("Where messages and steps wait.", QUEUES, default="list"),
    "dead-letters": Group("Messages that could not be used.", DEAD_LETTERS),
    "schedules": Group("Commands that start by the clock.", SCHEDULES),
    "tokens": Group("Who may speak over HTTP.", TOKENS),
    "emergency": Group("The emergency stop of the whole fleet.", EMERGENCY),
    "alerts": Group(
        "What people must know of.", {"list": Verb("alerts:list_", "List alerts, newest first.")}
    ),
    "events": Verb("events:events", "Show what happened; with -f follow it."),
    "status": Verb("fleet:status", "Show agents, queues, runs and the success rate."),
    "doctor": Verb("doctor:doctor", "Find what is wrong around the fleet, and its cure."),
    "verify": Verb("verify:verify", "Play the setup guide's five scenarios, and report."),
    "config": Group("Settings, and what the fleet has set for itself.", CONFIG),
    "schema": Verb("schema:schema", "Print the JSON Schema of messages, or check one."),
    "migrate": Verb("migrate:migrate", "Bring the store's schema up to date."),
    "backup": Verb("backup:backup", "Write all that is in the store into a file; others work on."),
    "restore": Verb("backup:restore", "Take a backup into use; every open run is paused."),
    "new": Verb("new:new", "Write a small tested project of one agent and one workflow."),
}
