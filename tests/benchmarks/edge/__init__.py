"""What the edge client costs beside curl and the SDKs: `make bench-edge`, in build/benchmarks/edge.json."""
