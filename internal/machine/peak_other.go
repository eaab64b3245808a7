//go:build !linux && !darwin

package machine

// PeakMemory returns 0: this system is not asked for the peak.
func PeakMemory() int64 { return 0 }
