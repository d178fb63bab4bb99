# Point: one mode for files and folders
FROM busybox
COPY --chmod=640 a.txt /file
COPY --chmod=0755 private /private
COPY --chmod=4711 run.sh /setuid
