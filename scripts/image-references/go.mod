// The grammar of image references that kubelets read them by: see verdicts.ts.
module image-references

go 1.26.0

require github.com/distribution/reference v0.6.0

require github.com/opencontainers/go-digest v1.0.0 // indirect
