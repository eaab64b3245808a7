//go:build !amd64 || purego

package kernel

// An assembly is what a format has of it: nothing.
type assembly struct{}

func (p *product) fast(*assembly) bool { return false }
