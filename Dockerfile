# The image of the sidecar.
#
# Two stages: one installs into a virtual environment, hash by hash, from a folder of wheels; the other takes that folder
# and nothing else. What runs needs no shell, no package manager, no writable file, and no right of any kind.
#
#   docker build --tag kafka-sidecar .
#
# Both bases hold the same Python at the same path, since a virtual environment is bound to it. Another pair, for instance
# one whose second half has no shell: --build-arg BUILD_BASE=... --build-arg RUN_BASE=...
ARG BUILD_BASE=python:3.11-slim-bookworm
ARG RUN_BASE=python:3.11-slim-bookworm


FROM ${BUILD_BASE} AS build
WORKDIR /src

# pip's own variables. Without a network: put the wheels into requirements/wheelhouse, and build with PIP_NO_INDEX=1.
ARG PIP_NO_INDEX
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# The wheelhouse: what the lock files name, each file by its hash. Below, nothing else is installed from.
COPY requirements given
RUN python3 -m venv tools \
    && for lock in run image; do \
        tools/bin/pip download --quiet --require-hashes --no-deps --only-binary :all: --find-links given/wheelhouse --dest wheels \
            --requirement given/$lock.txt || exit 1; \
    done \
    && tools/bin/pip install --quiet --no-index --find-links wheels --require-hashes --no-deps --requirement given/image.txt \
    && python3 -m venv --without-pip /opt/kafka-sidecar \
    && tools/bin/pip --python /opt/kafka-sidecar/bin/python install --quiet --no-index --find-links wheels --require-hashes --no-deps \
        --requirement given/run.txt

# The sidecar itself, and the bill of materials of exactly that environment.
COPY pyproject.toml LICENSE ./
COPY sidecar sidecar
RUN tools/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir built . \
    && tools/bin/pip --python /opt/kafka-sidecar/bin/python install --quiet --no-index --no-deps built/*.whl \
    && tools/bin/cyclonedx-py environment /opt/kafka-sidecar/bin/python --pyproject pyproject.toml --output-reproducible \
        --output-format JSON --output-file /opt/kafka-sidecar/sbom.cdx.json


FROM ${RUN_BASE}
ARG RUN_BASE
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kafka-sidecar" \
    org.opencontainers.image.description="Consumes Kafka for an application: bounded memory, backpressure, and every record accounted for" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.base.name="${RUN_BASE}"

COPY --from=build /opt/kafka-sidecar /opt/kafka-sidecar

# Compiled in the build; nothing may be written here.
ENV PATH=/opt/kafka-sidecar/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1

# By number: Kubernetes cannot tell that a name is not root. This user owns nothing.
USER 65532:65532
EXPOSE 9877
ENTRYPOINT ["kafka-sidecar"]
CMD ["run"]
