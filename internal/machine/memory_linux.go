package machine

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// AvailableMemory returns the bytes that programs can still have without
// swapping, within the limit of the control group; ok is false if the system
// does not tell.
func AvailableMemory() (n int64, ok bool) {
	kB, ok := procField("/proc/meminfo", "MemAvailable:")
	n = kB << 10
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

// totalMemory returns the machine's memory and the control group's limit, 0
// for what there is not.
func totalMemory() (all, limit int64) {
	kB, _ := procField("/proc/meminfo", "MemTotal:")
	limit, _ = number("/sys/fs/cgroup/memory.max")
	return kB << 10, limit
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
