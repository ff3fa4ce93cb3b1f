"""Whether the process is well, and what it is."""

from __future__ import annotations

import platform

from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec

import fuseline
from fuseline.api.authentication import PUBLIC
from fuseline.api.problems import answers
from fuseline.api.services import Given
from fuseline.core.errors import BackendError
from fuseline.events import library
from fuseline.projections.leases import projected_shards
from fuseline.projections.overview import overview
from fuseline.schemas.system import Health, Version
from fuseline.telemetry import exposition


@get("/healthz", operation_id="getHealth", summary="Whether the process runs", opt=PUBLIC)
async def healthz() -> Health:
    """Answers as long as the process does; for restarts."""
    return Health(status="ok")


@get(
    "/readyz",
    operation_id="getReadiness",
    summary="Whether it can serve",
    opt=PUBLIC,
    responses={503: ResponseSpec(Health, description="It cannot; `reason` says why.")},
)
async def readyz(services: Given) -> Response[Health]:
    """Whether the server answers and every shard is projected; for load balancers."""
    try:
        projected = await projected_shards(services.backend, services.backend.wire)
    except BackendError as error:
        return Response(Health(status="unavailable", reason=str(error)), status_code=503)
    missing = len(services.backend.keys.shards) - len(projected)
    if missing:
        # States stand still, but what is known can be read; a balancer must not drop everybody.
        return Response(
            Health(
                status="ok",
                reason=f"{missing} shards have no projector; start `fuseline projector`",
            ),
            status_code=200,
        )
    return Response(Health(status="ok"), status_code=200)


@get("/version", operation_id="getVersion", summary="What is running", opt=PUBLIC)
async def version(services: Given) -> Version:
    """Versions of all parts."""
    backend = services.backend
    return Version(
        version=fuseline.__version__,
        python=platform.python_version(),
        server=backend.server,
        library=library.LIBRARY_NAME,
        build=library.BUILD,
        namespace=backend.keys.namespace_name,
        shards=len(backend.keys.shards),
    )


@get(
    "/metrics",
    operation_id="getMetrics",
    summary="Figures for Prometheus",
    media_type=exposition.CONTENT_TYPE,
    responses=answers(),
)
async def metrics(services: Given) -> Response[bytes]:
    """Figures of this process and of all circuits, in Prometheus's text format."""
    services.figures.take(await overview(services.backend))
    return Response(exposition.text(), media_type=exposition.CONTENT_TYPE)


routes = Router("/", route_handlers=[healthz, readyz, version, metrics], tags=["system"])
