package machine

import "os"

// ResetPeak makes [PeakMemory] begin anew; false if the system does not offer
// that.
func ResetPeak() bool {
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil // proc_pid_clear_refs(5)
}

// PeakMemory returns the most memory that the process has had at a time, in
// bytes; 0 if that cannot be known. The peak that getrusage gives would be the
// parent's, if that was larger when it started this program.
func PeakMemory() int64 {
	kB, _ := procField("/proc/self/status", "VmHWM:")
	return kB << 10
}
