package run

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// availableMemory returns the bytes that programs can still have without
// swapping, within the limit of the control group.
func availableMemory() (int64, bool) {
	kB, ok := procField("/proc/meminfo", "MemAvailable:")
	n := kB << 10
	limit, limited := number("/sys/fs/cgroup/memory.max")
	used, known := number("/sys/fs/cgroup/memory.current")
	if limited && known && (!ok || limit-used < n) {
		// Cached files count as used, but are given up for programs.
		cache, _ := procField("/sys/fs/cgroup/memory.stat", "inactive_file")
		left := limit - used + cache
		if !ok || left < n {
			return left, true
		}
	}
	return n, ok
}

// procField returns the number after name in a file of lines "NAME NUMBER …".
func procField(path, name string) (int64, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) > 1 && w[0] == name {
			n, err := strconv.ParseInt(w[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

func number(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil // "max" means no limit
}

// watchMemory begins to watch the process's memory; the function that it
// returns tells the peak in bytes, 0 if that cannot be known.
func watchMemory() func() int64 {
	// 5 resets the peak: proc_pid_clear_refs(5).
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return func() int64 { return 0 }
	}
	return func() int64 {
		kB, _ := procField("/proc/self/status", "VmHWM:")
		return kB << 10
	}
}
