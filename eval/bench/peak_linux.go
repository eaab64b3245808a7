package bench

import (
	"os"
	"strconv"
	"strings"
)

// PeakMemory returns the most memory that the process has had at a time, in
// bytes; 0 if that cannot be known. The peak that getrusage gives would be the
// parent's, if that was larger when it started this program.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if w := strings.Fields(line); len(w) > 1 && w[0] == "VmHWM:" {
			kB, _ := strconv.ParseInt(w[1], 10, 64)
			return kB << 10
		}
	}
	return 0
}
