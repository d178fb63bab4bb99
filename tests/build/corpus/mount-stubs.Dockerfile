# Point: what a mount needs is not left behind
# Twin
FROM busybox
RUN --mount=type=tmpfs,target=/new/folder --mount=type=bind,source=a.txt,target=/file touch /new/folder/x && cat /file > /seen
