package disk

import "syscall"

// dontNeed is advice: an error changes nothing.
func dontNeed(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
