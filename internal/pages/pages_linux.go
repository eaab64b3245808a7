package pages

import "syscall"

// advise is advice: an error changes nothing.
func advise(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
