# Point: modes, owners, links, pipes, names that are not plain
FROM busybox
RUN mkdir -m 1777 /s && touch /s/a && chmod 4711 /s/a && chown 1000:50 /s/a && ln -s a /s/soft && ln /s/a /s/hard && mkfifo -m 600 /s/pipe && touch "/s/a b" /s/ü && mkdir -m 2750 /s/g
