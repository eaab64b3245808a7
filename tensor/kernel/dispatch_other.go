//go:build !amd64

package kernel

func bestTier() tier { return tierGeneric }
