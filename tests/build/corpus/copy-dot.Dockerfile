# Point: the whole context, hidden files and links included
FROM scratch
COPY . /context
