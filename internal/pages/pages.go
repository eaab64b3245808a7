// Package pages asks the system for large pages of memory, and for addresses that get
// memory as it is needed ([Space]). Rows read at memory's pace wait less for translations
// in large pages, and the processor, which prefetches within a page, runs further ahead. A
// file that is mapped is read from the disk so, too, and then lies in large pages for all
// who map it.
package pages

import "unsafe"

// Large asks for v, not yet touched, to lie in pages of 2 MB, if it is as long. A
// system that has none, or refuses, changes no result.
func Large[E byte | float32](v []E) {
	const large = 2 << 20
	if size := len(v) * int(unsafe.Sizeof(v[0])); size >= large {
		advise(unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), size))
	}
}
