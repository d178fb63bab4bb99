# Point: files of the context and of other stages, without a copy of them
# Twin
FROM busybox AS other
COPY dir /out
FROM busybox
RUN --mount=type=bind,source=src,target=/var ls /var > /listed
RUN --mount=target=/tmp cat /tmp/a.txt > /context
RUN --mount=type=bind,from=other,source=/out/deep,target=/tmp cat /tmp/three.txt > /stage
RUN --mount=type=bind,from=busybox:layers,source=/box,target=/tmp cat /tmp/new > /image
