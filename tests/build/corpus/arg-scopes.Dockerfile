# Point: arguments hold from where they are declared to the end of their stage
ARG GLOBAL=global
ARG TAG=latest
FROM busybox:${TAG} AS first
LABEL before=${GLOBAL:-nothing}
ARG GLOBAL
LABEL after=$GLOBAL
ARG LOCAL=local
LABEL local=$LOCAL
FROM first
ARG GLOBAL=own
LABEL own=$GLOBAL then=${LOCAL:-nothing}
