# Point: case, indentation, empty lines, comments and continuation lines
# a comment

from busybox as x
   # an indented comment
  CoPy a.txt \
# a comment between
\
     b.txt \

     /data/
env A=1 \
    B=2   
label   spaces="  kept  "
workdir    /data
cmd ["true"]
