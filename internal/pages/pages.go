// Package pages asks the system for large pages of memory, and for addresses that get
// memory as it is needed ([Space]). Rows read at memory's pace wait less for translations
// in large pages, and the processor, which prefetches within a page, runs further ahead. A
// file that is mapped is read from the disk so, too, and then lies in large pages for all
// who map it.
package pages

import "unsafe"

// Make returns n elements, all zero, in pages of 2 MB where they are as many and nothing
// has touched the memory before: a system maps 512 pages of 4 KB in the time of ten such.
func Make[E any](n int) []E {
	v := make([]E, n)
	Large(v)
	return v
}

// Large asks for v, not yet touched, to lie in pages of 2 MB, if it is as long. A
// system that has none, or refuses, changes no result.
func Large[E any](v []E) {
	if len(v) == 0 {
		return
	}
	const large = 2 << 20
	if size := len(v) * int(unsafe.Sizeof(v[0])); size >= large {
		advise(unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), size))
	}
}
