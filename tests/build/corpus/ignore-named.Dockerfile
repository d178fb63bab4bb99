# Point: what is left out cannot be named either, not by a pattern; all else can
FROM scratch
COPY *.txt dir/*.txt /context/
COPY src /src
