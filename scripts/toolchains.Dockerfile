# Small stand-ins, made of Debian's packages, for the images that examples/ builds from: `scripts/toolchain-images`.
# The certificates of this machine are put in, so that package clients work behind a proxy that has its own.
ARG BASE
FROM ${BASE} AS base
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

FROM base AS python
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip \
 && rm -rf /usr/lib/python3*/EXTERNALLY-MANAGED /usr/lib/python3.*/EXTERNALLY-MANAGED /var/lib/apt/lists/* /usr/share/doc/* /usr/share/locale/* \
 && ln -s python3 /usr/bin/python
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
CMD ["python3"]

FROM base AS node
RUN apt-get update && apt-get install -y --no-install-recommends nodejs \
 && rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/locale/*
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && useradd --create-home --uid 1000 node
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]

FROM base AS golang
# What is compiled again anyway, and for other ways of linking, is left out: it is most of the size.
RUN apt-get update && apt-get install -y --no-install-recommends golang-1.19-go \
 && cd /usr/lib/go-1.19/pkg && rm -rf linux_*_* \
 && rm -rf /usr/share/go-1.19/test /usr/share/go-1.19/api /var/lib/apt/lists/* /usr/share/doc/* /usr/share/locale/*
ENV PATH=/usr/lib/go-1.19/bin:/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go
WORKDIR /go

FROM base AS gcc
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/locale/*
CMD ["bash"]
