# quantal for processors. Dockerfile.cuda is for machines with an NVIDIA GPU.
#
#   docker build -t quantal .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" quantal train --out runs/a
ARG GO=1.26
FROM golang:${GO}-bookworm AS build
# Not some newer Go that go.mod might ask for from the network.
ENV GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
RUN go build -trimpath -buildvcs=false -ldflags=-s -o /quantal ./cmd/quantal && mkdir /empty

# The program is static: it needs nothing but certificates, for the download of MNIST.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /quantal /usr/bin/quantal
COPY --from=build --chown=65532:65532 /empty /data
COPY --from=build --chmod=1777 /empty /tmp
USER 65532:65532
ENV HOME=/data
WORKDIR /data
ENTRYPOINT ["/usr/bin/quantal"]
CMD ["--help"]
