//go:build !linux && !darwin

package machine

// PeakMemory returns 0: this system is not asked for the peak.
func PeakMemory() int64 { return 0 }

// ResetPeak returns false: this system's peak is of the whole process.
func ResetPeak() bool { return false }
