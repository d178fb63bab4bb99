# Point: what lies in a cache is in no layer
# Twin
FROM busybox
RUN --mount=type=cache,target=/var echo kept > /var/file
RUN --mount=type=cache,target=/var cat /var/file > /seen
