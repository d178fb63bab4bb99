# Point: arguments that are given win over defaults; environment variables win over arguments
# Flags: --build-arg VERSION=2 --build-arg NAME=given --build-arg BARE=bare
ARG VERSION=1
FROM busybox
ARG VERSION
ARG NAME=default
ARG BARE
LABEL version=$VERSION name=$NAME bare=$BARE
ENV NAME=environment
LABEL after=$NAME
ARG NAME
LABEL still=$NAME
