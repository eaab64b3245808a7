package machine

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// AvailableMemory returns the bytes that programs can still have without
// swapping, within the limits of the control groups; ok is false if the system
// does not tell.
func AvailableMemory() (n int64, ok bool) { return availableMemory("/") }

func availableMemory(root string) (n int64, ok bool) {
	kB, ok := procField(filepath.Join(root, "proc/meminfo"), "MemAvailable:")
	n = kB << 10
	eachLimit(root, func(_, left int64) {
		if !ok || left < n {
			n, ok = left, true
		}
	})
	return n, ok
}

// totalMemory returns the machine's memory and the least limit of a control
// group, 0 for what there is not.
func totalMemory() (all, limit int64) { return totalMemoryOf("/") }

func totalMemoryOf(root string) (all, limit int64) {
	kB, _ := procField(filepath.Join(root, "proc/meminfo"), "MemTotal:")
	eachLimit(root, func(l, _ int64) {
		if limit == 0 || l < limit {
			limit = l
		}
	})
	return kB << 10, limit
}

// memoryFiles are what the files of a control group are called that tell of memory,
// and the line of the third that tells of files that were cached, and not used lately.
type memoryFiles struct{ limit, used, stat, cached string }

var (
	memoryFiles2 = memoryFiles{"memory.max", "memory.current", "memory.stat", "inactive_file"}
	memoryFiles1 = memoryFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"}
)

// noLimit is less than what version 1 says of a group without one, and more than any has.
const noLimit = 1 << 60

// eachLimit calls f with the limit of each control group that has one, and with what
// it leaves.
func eachLimit(root string, f func(limit, left int64)) {
	look := func(dirs []string, names memoryFiles) {
		for _, dir := range dirs {
			limit, limited := number(filepath.Join(dir, names.limit))
			if !limited || limit < 0 || limit >= noLimit {
				continue
			}
			used, _ := number(filepath.Join(dir, names.used))
			// Cached files count as used, but are given up for programs.
			cached, _ := procField(filepath.Join(dir, names.stat), names.cached)
			f(limit, min(limit, max(0, limit-used+cached)))
		}
	}
	v2, v1 := groups(root, "memory")
	look(v2, memoryFiles2)
	look(v1, memoryFiles1)
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
