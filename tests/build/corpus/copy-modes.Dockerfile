# Point: set-user-ID, sticky, set-group-ID, read-only and private modes come along; owners do not
# Twin
FROM busybox
COPY special /special
COPY --chown=app special/setuid private run.sh /files/
COPY dir /dir
