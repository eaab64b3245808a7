package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// online returns the number of the machine's cores.
func online() int {
	text, _ := os.ReadFile("/sys/devices/system/cpu/online")
	return countList(string(text))
}

// countList counts the numbers of a list like "0-3,8": cpuset(7), "List
// format". It returns 0 for what is no list.
func countList(text string) int {
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		a, err1 := strconv.Atoi(lo)
		b, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil || b < a {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// quota returns the cores' worth of time that the control groups allow, 0 for no limit.
func quota() float64 { return quotaOf("/") }

func quotaOf(root string) float64 {
	least := 0.0
	look := func(text []byte) {
		if q := parseQuota(string(text)); q > 0 && (least == 0 || q < least) {
			least = q
		}
	}
	v2, v1 := groups(root, "cpu")
	for _, dir := range v2 {
		text, _ := os.ReadFile(filepath.Join(dir, "cpu.max"))
		look(text)
	}
	for _, dir := range v1 {
		micros, _ := os.ReadFile(filepath.Join(dir, "cpu.cfs_quota_us")) // -1: none
		period, _ := os.ReadFile(filepath.Join(dir, "cpu.cfs_period_us"))
		look(slices.Concat(micros, period))
	}
	return least
}

// parseQuota reads "QUOTA PERIOD"; a quota of "max" is none.
func parseQuota(text string) float64 {
	w := strings.Fields(text)
	if len(w) != 2 {
		return 0
	}
	q, err1 := strconv.ParseFloat(w[0], 64)
	period, err2 := strconv.ParseFloat(w[1], 64)
	if err1 != nil || err2 != nil || !(q > 0) || !(period > 0) {
		return 0
	}
	return q / period
}

// load returns the load average of the last minute.
func load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

func readTimes() times {
	text, _ := os.ReadFile("/proc/stat")
	return parseTimes(string(text))
}

// parseTimes reads the first line of /proc/stat: proc_stat(5). The times of
// guests are part of user and nice.
func parseTimes(text string) (t times) {
	line, _, _ := strings.Cut(text, "\n")
	w := strings.Fields(line)
	const user, idle, wait, steal, guest = 1, 4, 5, 8, 9
	if len(w) <= steal || w[0] != "cpu" {
		return times{}
	}
	for i, s := range w[user:min(len(w), guest)] {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return times{}
		}
		t.all += v
		switch user + i {
		case idle, wait:
			t.idle += v
		case steal:
			t.steal = v
		}
	}
	return t
}
