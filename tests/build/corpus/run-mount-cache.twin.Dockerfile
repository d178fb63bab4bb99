FROM busybox
RUN echo kept > /seen
