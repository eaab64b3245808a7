//go:build amd64.v3

package machine

// fused is what [Class] says of a build for GOAMD64=v3 and above, in which Go fuses
// products into sums wherever package kernel does not forbid it.
const fused = "v3"
