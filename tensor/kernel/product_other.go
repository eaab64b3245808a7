//go:build !amd64 || purego

package kernel

// An assembly is what a format has of it: nothing.
type assembly struct{}

func (a *assembly) decode([]float32, []byte, int) bool { return false }
func (p *product) fast(*assembly) bool                 { return false }
