//go:build !amd64 && !arm64

package kernel

// tierNames are those of all tiers.
var tierNames = [...]string{"generic"}
