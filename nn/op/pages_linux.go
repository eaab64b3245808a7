package op

import "syscall"

// largePages asks for b, not yet touched, to lie in pages of 2 MB: rows read at
// memory's pace wait less for translations, and the processor, which prefetches
// within a page, runs further ahead. A system that refuses changes no result.
func largePages(b []byte) {
	const large = 2 << 20
	if len(b) >= large {
		_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
	}
}
