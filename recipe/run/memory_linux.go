package run

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// watchMemory begins to watch the process's memory; the function that it
// returns tells the peak in bytes, 0 if that cannot be known.
func watchMemory() func() int64 {
	// 5 resets the peak: proc_pid_clear_refs(5).
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return func() int64 { return 0 }
	}
	return peakMemory
}

func peakMemory() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) > 1 && w[0] == "VmHWM:" {
			kB, _ := strconv.ParseInt(w[1], 10, 64)
			return kB << 10
		}
	}
	return 0
}
