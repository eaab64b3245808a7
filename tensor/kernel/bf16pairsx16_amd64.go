//go:build !purego

package kernel

func init() { bf16Pairs.panel = bf16PairsPanel }
