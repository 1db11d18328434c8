"""Spans of requests for an OpenTelemetry collector; off unless `OTEL_*` names one.

Through OpenTelemetry's API only; the SDK and an exporter come with the extra `tracing`. Spans have
stages, routes and statuses. FastAPI and Starlette could make spans, too, but would put paths and
queries into them, and so the ids of persons.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import entry_points, version
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import StartupError

NAME: Final = "adaface-service"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTERS: Final = {"otlp": "otlp_proto_http"}  # the name of OTEL_* -> that of the entry point
_OFF: Final = nullcontext()
_UNTRACED: Final = nullcontext[Span](INVALID_SPAN)
_W3C: Final = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


@contextmanager
def running(environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Traces while inside, if the environment asks for it; sends what is left at the end.

    Raises StartupError where the extra is not installed, or nobody knows the exporter.
    """
    if (exporter := _asked(environment)) is None:
        yield
        return
    provider = _provider(exporter)
    try:
        with to(provider):
            yield
    finally:
        provider.shutdown()


@contextmanager
def to(provider: TracerProvider) -> Iterator[None]:
    """Gives all spans to `provider` while inside."""
    global _tracer  # noqa: PLW0603 - as the metrics' registry, there is one for the process
    _tracer = provider.get_tracer(NAME, version(NAME))
    try:
        yield
    finally:
        _tracer = None


def span(name: str) -> AbstractContextManager[object]:
    """A span of what is done inside a request; nothing for what the service does of itself.

    An error's text is not recorded: it may name somebody.
    """
    if _tracer is None or get_current_span() is INVALID_SPAN:
        return _OFF
    return _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    )


def request(scope: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """The span of a whole ASGI request, whose headers may say to which trace it belongs."""
    if _tracer is None:
        return _UNTRACED
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return _tracer.start_as_current_span(
        scope["method"],
        _W3C.extract(headers),
        SpanKind.SERVER,
        {"http.request.method": scope["method"]},
        record_exception=False,
        set_status_on_exception=False,
    )


def answered(made: Span, method: str, route: str, status: int) -> None:
    """Says what became of a request, when it is known."""
    if not made.is_recording():
        return
    made.update_name(f"{method} {route}")
    made.set_attribute("http.route", route)
    made.set_attribute("http.response.status_code", status)
    if status >= 500:
        made.set_status(StatusCode.ERROR)


def trace_id() -> str | None:
    """The current trace, as 32 hex digits; None where there is none."""
    if _tracer is None:
        return None
    return f"{get_current_span().get_span_context().trace_id:032x}"


def here() -> Context | None:
    """Where in the trace this is, to be gone on with `below` in another thread."""
    return None if _tracer is None else contexts.get_current()


@contextmanager
def _below(place: Context) -> Iterator[None]:
    token = contexts.attach(place)
    try:
        yield
    finally:
        contexts.detach(token)


def below(place: Context | None) -> AbstractContextManager[object]:
    """Spans made inside belong below `place`."""
    return _OFF if place is None else _below(place)


def _asked(environment: Mapping[str, str]) -> str | None:
    """The exporter that the environment asks for; None for no traces."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER")
    if not named and any(environment.get(name) for name in _ENDPOINTS):
        named = "otlp"
    return None if not named or named == "none" else named


def _provider(exporter: str) -> Any:
    """OpenTelemetry's own provider, which reads all other `OTEL_*` variables itself."""
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        name = _EXPORTERS.get(exporter, exporter)
        [found] = entry_points(group="opentelemetry_traces_exporter", name=name)
    except (ImportError, ValueError) as error:
        raise StartupError(
            f"Traces were asked for, but there is no exporter {exporter!r}: 'pip"
            " install --no-deps -r requirements/image-cpu.txt' has those of OTLP, or unset OTEL_TRACES_EXPORTER and"
            " OTEL_EXPORTER_OTLP_ENDPOINT."
        ) from error
    named = Resource.create() if _is_named() else Resource.create({SERVICE_NAME: NAME})
    provider = Provider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(found.load()()))
    return provider


def _is_named() -> bool:
    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in given
