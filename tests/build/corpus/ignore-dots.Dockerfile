# Point: dots and slashes in patterns are cleaned up
FROM scratch
COPY . /context
