# Point: what comes later wins; exceptions reach into what was left out
# Twin
FROM scratch
COPY . /context
