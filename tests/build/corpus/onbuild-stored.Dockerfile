# Point: triggers are kept as they are written
FROM busybox
ONBUILD COPY a.txt /trigger
ONBUILD RUN echo "$HOME" > /x
ONBUILD ENV A=${B:-c}
