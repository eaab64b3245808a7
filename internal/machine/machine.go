// Package machine tells what a program has to run on: processor, cores,
// memory, what others take of them, the limits of reading and arithmetic
// that no kernel can pass, and with which machines it has results in common.
package machine

import (
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"limbeck/tensor/kernel"
)

// Facts describe a machine as this process sees it. What the system does not
// tell is 0.
type Facts struct {
	CPU    string `json:"cpu"`
	System string `json:"system"` // as in linux/amd64

	Tier     string   `json:"tier"`                      // the kernels that run
	BestTier string   `json:"best_tier"`                 // the highest that could
	NextTier string   `json:"next_tier,omitempty"`       // the one above it
	Lacks    []string `json:"next_tier_lacks,omitempty"` // what is missing for that

	Online  int     `json:"online_cores"`           // of the machine
	Cores   int     `json:"cores"`                  // that this process may run on
	Threads int     `json:"threads"`                // that it uses at a time: GOMAXPROCS
	Quota   float64 `json:"core_quota,omitempty"`   // cores' worth that the control groups allow
	Busy    float64 `json:"cores_busy"`             // with other programs, while nothing ran here
	Stolen  float64 `json:"cores_stolen"`           // by other machines on the same host
	Load    float64 `json:"load_average,omitempty"` // of the last minute, programs that want a core

	Memory    int64 `json:"memory_bytes,omitempty"`           // of the machine
	Available int64 `json:"memory_available_bytes,omitempty"` // to this process
	Limit     int64 `json:"memory_limit_bytes,omitempty"`     // the control groups' least, if any
}

// idleLook is how long Look watches what others take of the cores.
const idleLook = 200 * time.Millisecond

// Look describes this machine. It takes idleLook, in which the process should
// do nothing else.
func Look() Facts {
	f := Facts{CPU: CPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Tier: kernel.Tier(), BestTier: kernel.BestTier(),
		Online: online(), Cores: runtime.NumCPU(), Threads: runtime.GOMAXPROCS(0), Quota: quota(), Load: load()}
	f.NextTier, f.Lacks = kernel.NextTier()
	f.Memory, f.Limit = totalMemory()
	f.Available, _ = AvailableMemory()
	before := readTimes()
	time.Sleep(idleLook)
	f.Busy, f.Stolen = readTimes().since(before, f.Online)
	return f
}

// KeepToQuota has Go use no more threads at a time than control groups allow cores'
// worth of time, two at least: more would stop and wait for each other. Its runtime sees
// to the innermost group by itself, and to none around it. GOMAXPROCS of the
// environment stands.
func KeepToQuota() {
	if n := threadsFor(quota(), runtime.GOMAXPROCS(0)); os.Getenv("GOMAXPROCS") == "" && n < runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}

// threadsFor returns how many of so many threads to use under a quota, 0 for none.
func threadsFor(quota float64, threads int) int {
	if quota <= 0 || quota >= float64(threads) {
		return threads
	}
	return min(threads, max(2, int(math.Ceil(quota))))
}

// CPU names the processor, where the system tells; else its architecture.
func CPU() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// times are the cores' times since the start, in ticks.
type times struct{ all, idle, steal float64 }

// since returns how many of the machine's cores were busy, and how many were
// stolen, between before and t; 0 if that is not known.
func (t times) since(before times, cores int) (busy, stolen float64) {
	all := t.all - before.all
	if all <= 0 {
		return 0, 0
	}
	steal := t.steal - before.steal
	return float64(cores) * max(0, all-(t.idle-before.idle)-steal) / all, float64(cores) * max(0, steal) / all
}
