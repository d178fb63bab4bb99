# Point: what lies in a tmpfs is in no layer
# Twin
FROM busybox
RUN --mount=type=tmpfs,target=/var echo gone > /var/file && cat /var/file > /seen
RUN ls -A /var > /empty
