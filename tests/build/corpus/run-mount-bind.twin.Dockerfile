FROM busybox
COPY a.txt /context
COPY dir/deep/three.txt /stage
COPY --from=busybox:layers /box/new /image
RUN printf '%s\n' lib main.c main.h > /listed; chmod 644 /stage
