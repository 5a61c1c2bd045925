# One image for every process: the command decides which one it is.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt -r requirements-build.txt
COPY pyproject.toml README.md LICENSE scheduler.py rabbitmq_orchestration_agent.py ./
COPY orchestration orchestration
COPY actors actors
COPY trading trading
RUN /venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /fleet fleet
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 ORCHESTRATION_HOME=/fleet/.orchestration
USER fleet
WORKDIR /fleet
# Workers finish what they have, or hand it over, within 12 s: leave them 30.
STOPSIGNAL SIGTERM
CMD ["dramatiq", "actors", "-p", "2", "-t", "16", "--worker-shutdown-timeout", "12000"]
