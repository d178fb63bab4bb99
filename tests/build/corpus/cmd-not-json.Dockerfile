# Point: what looks like JSON and is none is the shell form
FROM busybox
CMD ['echo', 'hi']
