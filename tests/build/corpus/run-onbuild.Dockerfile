# Point: triggers run in the stage that is based on theirs, and do not stay
FROM busybox AS base
ONBUILD COPY a.txt /trigger
ONBUILD RUN cat /trigger > /ran
ONBUILD ENV TRIGGERED=yes
FROM base
RUN echo $TRIGGERED > /after
