# Point: files of an image that no stage is based on, through its whiteouts
FROM scratch
COPY --from=busybox:layers / /layers
COPY --from=busybox:latest /etc/hello /hello
