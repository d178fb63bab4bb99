# Point: several on a line, over lines, quoted, overwritten
FROM busybox:user
LABEL one=1 two="2 and more" "three"=three
LABEL four=a\
b \
      # a comment within
      five=5
LABEL one=again ctr.test=other
LABEL multi="first \
second"
LABEL com.example.vendor="ACME \"Inc\""
