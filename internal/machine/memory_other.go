//go:build unix && !linux && !darwin

package machine

// AvailableMemory is not known here.
func AvailableMemory() (n int64, ok bool) { return 0, false }

func totalMemory() (all, limit int64) { return 0, 0 }
