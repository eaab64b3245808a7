package machine

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// groups returns folders of version 2 of control groups, and of a controller of version
// 1, below root: those of this process's group and of the groups around it, each of
// which limits it; cgroups(7). Not all need exist. A container may see its own group
// where the outermost of all is, under a name that only the host knows.
func groups(root, controller string) (v2, v1 []string) {
	group2, group1 := "/", "/"
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case id == "0":
			group2 = group
		case slices.Contains(strings.Split(controllers, ","), controller):
			group1 = group
		}
	}
	mounted := filepath.Join(root, "sys/fs/cgroup")
	return upwards(mounted, group2), upwards(filepath.Join(mounted, controller), group1)
}

// upwards returns the folder of a group below top, and those above it, up to top.
func upwards(top, group string) []string {
	var dirs []string
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		dirs = append(dirs, filepath.Join(top, group))
		if group == "/" {
			return dirs
		}
	}
}
