# Point: stars, question marks and classes pick names; a star never crosses a slash
FROM busybox
COPY *.txt /stars/
COPY ?.txt /one/
COPY [ab].txt /class/
COPY d*/o*.txt /nested/
COPY src/*/*.c /deeper/
COPY [^a-q]un.* empty /none/
