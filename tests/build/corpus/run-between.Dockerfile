# Point: steps see what those before them did, COPY sees what RUN made
FROM busybox
RUN mkdir /made && ln -s /made /link && echo new:x:1234:1234::/:/bin/sh >> /etc/passwd && echo new:x:1234: >> /etc/group
COPY a.txt /link/
RUN cat /made/a.txt > /made/b.txt
COPY --chown=new:new b.txt /made/c.txt
RUN cat /made/c.txt >> /made/b.txt
