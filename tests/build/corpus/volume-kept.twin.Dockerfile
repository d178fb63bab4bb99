FROM busybox
RUN echo kept > /var/file
COPY a.txt /var/
VOLUME /var
