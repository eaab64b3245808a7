package machine

// PeakMemory returns the most memory that the process has had at a time, in
// bytes; 0 if that cannot be known. The peak that getrusage gives would be the
// parent's, if that was larger when it started this program.
func PeakMemory() int64 {
	kB, _ := procField("/proc/self/status", "VmHWM:")
	return kB << 10
}
