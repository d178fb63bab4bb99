# Point: a given argument is there and does not stay
# Flags: --build-arg SECRET=given
FROM busybox
ARG SECRET
RUN echo "$SECRET" > /arg
RUN env | grep -c SECRET > /count
