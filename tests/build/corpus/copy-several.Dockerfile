# Point: several sources go into one folder; folders give what is in them
FROM busybox
COPY a.txt dir src /all/
