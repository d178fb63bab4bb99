# Point: names, patterns, comments, empty lines, slashes at the ends
FROM scratch
COPY . /context
