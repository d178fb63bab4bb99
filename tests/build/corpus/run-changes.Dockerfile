# Point: a file that is only changed in mode or owner, appended to, or moved
FROM busybox
COPY dir /dir
RUN chmod 600 /dir/deep/three.txt && chown -R app:staff /dir/deep && echo more >> /dir/two.md && mv /dir/deep/er /dir/moved && touch /dir/.dot
RUN mv /dir /renamed && mv /etc/hello /hello
