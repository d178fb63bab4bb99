FROM busybox
RUN mkdir -p /made/by && touch /made/by/file && chown -R 1000:50 /made
USER 1000:50
WORKDIR /made/by
