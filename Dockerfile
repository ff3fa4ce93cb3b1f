# Two stages: the first installs pinned, hash-checked requirements, the second only copies them.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/fuseline
WORKDIR /src
COPY requirements/ requirements/
RUN python -m pip install --require-hashes -r requirements/build.txt \
 && /opt/fuseline/bin/python -m pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY fuseline/ fuseline/
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/fuseline/bin/python -m pip install --no-deps /wheels/*.whl

FROM python:3.13-slim
# Without a home folder in the image the embedded server and the spool need a place of their own.
ENV PATH=/opt/fuseline/bin:$PATH PYTHONUNBUFFERED=1 FUSELINE_DATA_DIR=/data
RUN useradd --system --uid 10001 --no-create-home fuseline \
 && install --directory --owner=fuseline --mode=0700 /data
COPY --from=build /opt/fuseline /opt/fuseline
USER fuseline
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["fuseline"]
CMD ["--help"]
