# Point: a folder gives its contents, not itself, with or without a slash behind it
FROM busybox
COPY dir /with
COPY dir/ /without/
COPY dir/deep /data
