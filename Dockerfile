# Three stages: the web UI, the environment with pinned and hash-checked requirements, and an image
# that only copies it. docs/deployment.md says how to pin the two images by digest.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie

FROM ${NODE_IMAGE} AS ui
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY ui/ ./
# It writes /src/fuseline/api/static.
RUN npm run build -- --logLevel warn

FROM ${PYTHON_IMAGE} AS build
# Of pyproject.toml, with spaces: a2a, apprise, archive, otlp.
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# The tools that build lie in the image of this stage, and no pip in what it makes.
RUN python -m venv --without-pip /opt/fuseline
WORKDIR /src
COPY requirements/ requirements/
RUN python -m pip install --require-hashes -r requirements/build.txt \
 && set -- -r requirements/runtime.txt \
 && for extra in ${EXTRAS}; do set -- "$@" -r "requirements/extra-${extra}.txt"; done \
 && python -m pip --python /opt/fuseline/bin/python install --require-hashes "$@"
COPY pyproject.toml README.md LICENSE ./
COPY fuseline/ fuseline/
COPY --from=ui /src/fuseline/api/static/ fuseline/api/static/
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m pip --python /opt/fuseline/bin/python install --no-deps /wheels/*.whl

FROM ${PYTHON_IMAGE}
ARG VERSION="" REVISION="" CREATED="" SOURCE=""
LABEL org.opencontainers.image.title="Fuseline" \
      org.opencontainers.image.description="Event-sourced circuit breakers for asyncio workers, on Redis Streams" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
# The root file system may be read-only: what is written goes below /data, and only where a process
# keeps a spool or the embedded server. HEALTH_URL is what the check below asks for.
ENV PATH=/opt/fuseline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FUSELINE_DATA_DIR=/data HEALTH_URL=http://127.0.0.1:8080/readyz
RUN groupadd --gid 10001 fuseline \
 && useradd --no-log-init --uid 10001 --gid 10001 --no-create-home fuseline \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/fuseline /opt/fuseline
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['HEALTH_URL'], timeout=4)"]
ENTRYPOINT ["fuseline"]
CMD ["--help"]
