# Point: a command over the base's entrypoint
FROM busybox:entrypoint
CMD ["other"]
