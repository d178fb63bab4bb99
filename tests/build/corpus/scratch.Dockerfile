# Point: an image of nothing but a file
FROM scratch
COPY a.txt /
CMD ["/a.txt"]
