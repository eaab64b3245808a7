//go:build !linux

package op

func largePages([]byte) {}
