"""A real OTLP receiver on loopback, over gRPC and over HTTP, that keeps what it decodes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as it came over the wire."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    links: list[tuple[str, str]]
    attributes: dict[str, Any]
    start_ns: int
    end_ns: int
    status: int

    @property
    def ids(self) -> tuple[str, str]:
        return self.trace_id, self.span_id


class Collector:
    """What was received.

    Attributes:
        grpc_endpoint, http_endpoint: for OTEL_EXPORTER_OTLP_ENDPOINT.
        metrics: names, and the number of points that came under each.
    """

    def __init__(self) -> None:
        self.grpc_endpoint = ""
        self.http_endpoint = ""
        self.metrics: dict[str, int] = {}
        self._spans: list[ReceivedSpan] = []
        self._lock = threading.Lock()

    @property
    def spans(self) -> list[ReceivedSpan]:
        with self._lock:
            return list(self._spans)

    def named(self, name: str, service: str | None = None) -> list[ReceivedSpan]:
        """The spans of a name, by their start."""
        found = [s for s in self.spans if s.name == name and service in (None, s.service)]
        return sorted(found, key=lambda span: span.start_ns)

    def take_traces(self, request: trace_service_pb2.ExportTraceServiceRequest) -> None:
        found = []
        for resource in request.resource_spans:
            service = str(_plain(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                found += [
                    ReceivedSpan(
                        service,
                        span.name,
                        span.kind,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                        _plain(span.attributes),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        span.status.code,
                    )
                    for span in scope.spans
                ]
        with self._lock:
            self._spans += found

    def take_metrics(self, request: metrics_service_pb2.ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = getattr(metric, metric.WhichOneof("data")).data_points
                    with self._lock:
                        self.metrics[metric.name] = self.metrics.get(metric.name, 0) + len(points)


def _plain(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receives on both protocols until the end."""
    collector = Collector()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            collector.take_traces(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            collector.take_metrics(request)
            return metrics_service_pb2.ExportMetricsServiceResponse()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            match self.path:
                case "/v1/traces":
                    traces = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                    collector.take_traces(traces)
                case "/v1/metrics":
                    figures = metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
                    collector.take_metrics(figures)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    collector.grpc_endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        collector.http_endpoint = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            http.shutdown()
            server.stop(None).wait()
