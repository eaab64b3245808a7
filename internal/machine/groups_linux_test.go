package machine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// system writes files below a folder in place of the system's root.
func system(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	files["proc/meminfo"] = "MemTotal: 9000 kB\nMemAvailable: 5000 kB\n"
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Each group around the process's own limits it, too, where it is mounted.
func TestGroups(t *testing.T) {
	const v2, v1 = "sys/fs/cgroup/", "sys/fs/cgroup/memory/"
	for name, c := range map[string]struct {
		files            map[string]string
		available, limit int64
		quota            float64
	}{
		"none": {map[string]string{}, 5000 << 10, 0, 0},
		"no list of groups": {map[string]string{
			v2 + "memory.max": "4000\n", v2 + "memory.current": "1000\n", v2 + "memory.stat": "active_file 7\ninactive_file 500\n",
			v2 + "cpu.max": "150000 100000\n",
		}, 3500, 4000, 1.5},
		"version 2, the innermost": {map[string]string{
			"proc/self/cgroup":           "0::/user.slice/app\n",
			v2 + "user.slice/memory.max": "9000\n", v2 + "user.slice/memory.current": "10\n", v2 + "user.slice/cpu.max": "max 100000\n",
			v2 + "user.slice/app/memory.max": "4000\n", v2 + "user.slice/app/memory.current": "1000\n", v2 + "user.slice/app/cpu.max": "300000 100000\n",
		}, 3000, 4000, 3},
		"version 2, one around it": {map[string]string{
			"proc/self/cgroup":           "0::/user.slice/app\n",
			v2 + "user.slice/memory.max": "9000\n", v2 + "user.slice/memory.current": "8500\n", v2 + "user.slice/memory.stat": "inactive_file 100\n",
			v2 + "user.slice/cpu.max":        "200000 100000\n",
			v2 + "user.slice/app/memory.max": "4000\n", v2 + "user.slice/app/memory.current": "1000\n", v2 + "user.slice/app/cpu.max": "300000 100000\n",
		}, 600, 4000, 2},
		"version 1, one around it": {map[string]string{
			"proc/self/cgroup":               "5:cpu,cpuacct:/pod/box\n4:memory:/pod/box\n3:cpuset:/other\n0::/\n",
			v1 + "memory.limit_in_bytes":     "9223372036854771712\n",
			v1 + "pod/memory.limit_in_bytes": "7000\n", v1 + "pod/memory.usage_in_bytes": "6000\n",
			v1 + "pod/memory.stat":                   "inactive_file 1\ntotal_inactive_file 200\n",
			v1 + "pod/box/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "250000\n", "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu/pod/box/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/pod/box/cpu.cfs_period_us": "100000\n",
		}, 1200, 7000, 2.5},
		"a container, whose group has the host's name": {map[string]string{
			"proc/self/cgroup":           "4:memory:/docker/0123\n0::/../../docker/0123\n",
			v1 + "memory.limit_in_bytes": "7000\n", v1 + "memory.usage_in_bytes": "6000\n",
		}, 1000, 7000, 0},
		"more is used than the limit": {map[string]string{
			v2 + "memory.max": "4000\n", v2 + "memory.current": "4100\n",
		}, 0, 4000, 0},
		"lines that tell of no group": {map[string]string{
			"proc/self/cgroup": "\n4\n4:memory\n", v2 + "memory.max": "4000\n", v2 + "memory.current": "1000\n",
		}, 3000, 4000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := system(t, c.files)
			if n, ok := availableMemory(root); n != c.available || !ok {
				t.Errorf("%d bytes available (%v), want %d", n, ok, c.available)
			}
			if all, limit := totalMemoryOf(root); all != 9000<<10 || limit != c.limit {
				t.Errorf("%d bytes, limit %d, want %d and %d", all, limit, 9000<<10, c.limit)
			}
			if q := quotaOf(root); q != c.quota {
				t.Errorf("a quota of %v cores, want %v", q, c.quota)
			}
		})
	}
}
