# Point: the shell form has a shell, the JSON form has none
FROM busybox
RUN echo "$HOME" > /shell && \
    echo done >> /shell
RUN ["/bin/sh", "-c", "echo $0 > /json", "zero"]
RUN ["touch", "/literal $HOME"]
