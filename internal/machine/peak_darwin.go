package machine

import "syscall"

// PeakMemory returns the most memory that the process has had at a time, in
// bytes; 0 if that cannot be known.
func PeakMemory() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss
}

// ResetPeak returns false: this system's peak is of the whole process.
func ResetPeak() bool { return false }
