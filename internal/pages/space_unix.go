//go:build unix

package pages

import "syscall"

func reserve(n int) []byte {
	mem, err := syscall.Mmap(-1, 0, n, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return mem
}

func commit(b []byte) bool { return syscall.Mprotect(b, syscall.PROT_READ|syscall.PROT_WRITE) == nil }

// release fails of no mapping that reserve made.
func release(mem []byte) { _ = syscall.Munmap(mem) }
