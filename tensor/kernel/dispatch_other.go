//go:build !amd64 || purego

package kernel

func bestTier() tier { return tierGeneric }
