# Point: an archive meets folders and files that are there
FROM busybox
COPY dir /there/box
COPY a.txt /there/deep/er/file
ADD archive.tar.gz /there/
