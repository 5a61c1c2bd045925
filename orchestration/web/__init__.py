"""The console over HTTP: an API for programs, pages for people, closed by default.

How the parts fit together:

* `application.create_app(console)` makes the ASGI application. A `console.Console` is what every
  request works on: `settings`, `app` (the fleet), `opened` (store and locks), `engine` (which makes
  every change), `clock`, `address` (of RabbitMQ), `limits`, and `read(operation)`.
* `serving.listening(console, socket)` serves it in a thread of `orchestrate serve` or of
  `orchestrate web`.
* A route is a plain function (it may block: it runs in a thread) that asks for what it needs by its
  parameters: `console: TheConsole`, and one of `actor: Viewer | Operator | Approver | Admin` (all
  in `authentication`), which refuses every other actor. `actor.by(reason)` goes into the audit,
  `actor.sender` is the sender of the runs that it starts. A public route asks for none of them.
* What a route does is in `orchestration.desk`: the same functions that the command line calls.
* Errors are raised: each `OrchestrationError` has its status in `problem_kinds.KINDS`, and
  `problems.Refusal(status, detail)` is for what the web part itself refuses. A person gets the page
  of `pages.render_problem(request, problem)`, a program gets `application/problem+json`.
* Pages are routes of `pages.router`, which is not in the OpenAPI. A form carries
  `<input type="hidden" name="csrf_token" value="...">` with `csrf.token_of(request, response)`;
  a script sends it as the header `X-CSRF-Token`. The dependency of the role checks it by itself:
  for every form, and for every change that comes with a session's cookie.
* Logging in: `authenticator_of(request).log_in(token, caller_of(request))`, both functions of
  `authentication`, gives the value of the cookie `csrf.SESSION_COOKIE`; set it by
  `csrf.set_cookie`. `log_out(cookie)` ends the session.
* `guard.Guard` stands before everything: hosts and origins, request rate, size and time of bodies,
  and security headers: `script-src 'self'; style-src 'self'`, nothing inline.
* `broadcast.Broadcast` reads new events for all streams of a process. `api.events` makes a stream:
  it registers a listener, sends the events in the store, and then those that the listener hears,
  so that none is missed.
"""
