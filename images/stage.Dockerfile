# The image of one stage. `make image STAGE=train` fills the build context and calls this (images/build.py).
# Libraries come in three layers, each from its own part of the stage's lock file, so that stages share them:
# what reads and writes Arrow, what scikit-learn needs, and the rest.
ARG BASE_IMAGE=python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

# With the Debian packages that the stage starts programs of, where there are any (netanomaly/images.py): from the mirror
# that the base knows. Nothing of theirs runs with another user's rights, and their notices stay.
FROM ${BASE_IMAGE} AS base
ARG DEBIAN_PACKAGES=""
RUN [ -z "${DEBIAN_PACKAGES}" ] || { export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ${DEBIAN_PACKAGES} > /dev/null \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/cache/ldconfig /var/log/* /etc/*- /tmp/*; }

FROM base AS installer
COPY installer/ /installer/

FROM installer AS arrow
COPY layers/arrow/ /layer/
RUN python3 /installer/install.py /layer /opt/netanomaly

FROM installer AS science
COPY layers/science/ /layer/
RUN python3 /installer/install.py /layer /opt/netanomaly

FROM installer AS rest
COPY layers/rest/ /layer/
RUN python3 /installer/install.py /layer /opt/netanomaly

FROM installer AS code
COPY layers/code/ /layer/
RUN python3 /installer/install.py /layer /opt/netanomaly

FROM installer AS bill
ARG STAGE
ARG VERSION
COPY --from=arrow /opt/netanomaly /all
COPY --from=science /opt/netanomaly /all
COPY --from=rest /opt/netanomaly /all
RUN python3 /installer/sbom.py "netanomaly-${STAGE}" "${VERSION}" /all /opt/netanomaly-bill

FROM base
# Nothing that installs, compiles or remembers stays; on the offline base there is nothing to remove.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/python*-config \
    /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/idlelib \
    /usr/local/include /root/.cache /root/.bash_history /root/.python_history /root/.wget-hsts /var/lib/apt/lists/*
COPY --from=arrow /opt/netanomaly /opt/netanomaly
COPY --from=science /opt/netanomaly /opt/netanomaly
COPY --from=rest /opt/netanomaly /opt/netanomaly
COPY --from=code /opt/netanomaly /opt/netanomaly
COPY --from=bill /opt/netanomaly-bill /usr/share/netanomaly
ENV PYTHONPATH=/opt/netanomaly PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1 HOME=/tmp
# Any other user works as well; group 0 is what OpenShift gives.
USER 65532:0
WORKDIR /tmp
# No ENTRYPOINT: the compiled pipeline holds the whole command.
CMD ["python3", "-V"]
ARG STAGE
ARG VERSION
ARG REVISION
ARG BASE_IMAGE
# What track says of the code.
ENV NETANOMALY_IMAGE="netanomaly/${STAGE}:${VERSION}" NETANOMALY_COMMIT="${REVISION}"
LABEL org.opencontainers.image.title="netanomaly ${STAGE}" \
    org.opencontainers.image.description="The ${STAGE} stage of netanomaly's Kubeflow pipelines" \
    org.opencontainers.image.source="https://github.com/netanomaly/netanomaly" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="${BASE_IMAGE}"
