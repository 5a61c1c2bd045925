"""The console over HTTP: an API for programs, pages for people, closed by default.

How it hangs together, for whoever adds to it:

* `application.create_app(console)` makes the ASGI application. A `console.Console` is what every
  request works on: `settings`, `app` (the fleet), `opened` (store and locks), `engine` (by which
  everything is changed), `clock`, `address` (of RabbitMQ), `limits`, and `read(operation)`.
* `serving.listening(console, socket)` serves it in a thread of `orchestrate serve` or of
  `orchestrate web`.
* A route is a plain function (it may block: it runs in a thread) that asks for what it needs by its
  parameters: `console: Desk`, and one of `actor: Viewer | Operator | Approver | Admin` (all in
  `who`), which refuses everybody else. `actor.by(reason)` goes into the audit, `actor.sender` is in
  whose name runs are started. A public route asks for none of them.
* What a route does is in `orchestration.desk`: the same functions that the command line calls.
* Errors are raised: each `OrchestrationError` has its status in `problems.CODES`, and
  `problems.Refusal(status, detail)` is for what the web part itself refuses. A person gets them
  as `pages.render_problem(request, problem)` makes them, a program as `application/problem+json`.
* Pages are routes of `pages.router`, which is not in the OpenAPI. A form carries
  `<input type="hidden" name="csrf_token" value="...">` with `csrf.token_of(request, response)`;
  a script sends it as the header `X-CSRF-Token`. The dependency of the role checks it by itself:
  for every form, and for every change that comes with a session's cookie.
* Logging in: `who.door_of(request).log_in(token, who.caller_of(request))` gives the value of the
  cookie `csrf.SESSION_COOKIE`; set it by `csrf.set_cookie`. `log_out(cookie)` ends the session.
* `guard.Guard` stands before everything: hosts and origins, request rate, size and time of bodies,
  and security headers: `script-src 'self'; style-src 'self'`, nothing inline.
* `broadcast.Broadcast` reads what happens for all streams of a process: a listener, then what is
  written already, then what it hears, so that nothing is missed; `api.events` makes streams of it.
"""
