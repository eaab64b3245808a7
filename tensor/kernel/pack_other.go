//go:build !amd64 || purego

package kernel

func (f *x16) packHeadsFast(group, rows []byte, width int) bool { return false }

func (f *x16) packQuantaFast(group, rows []byte, width, n int) int { return 0 }

func (f *k16) packFast(group, rows []byte, width int) bool { return false }
