# Point: a stage that is based on another has its arguments no more, its environment still
FROM busybox AS base
ARG ONE=one
ENV KEPT=$ONE
FROM base
LABEL one=${ONE:-gone} kept=$KEPT
