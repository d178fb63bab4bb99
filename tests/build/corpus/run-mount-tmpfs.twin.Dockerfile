FROM busybox
RUN echo gone > /seen; touch /empty
