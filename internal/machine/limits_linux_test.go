package machine

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// What is read lies in memory that asks for large pages, as packed weights do.
func TestMeasuredMemoryIsInLargePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this system has no large pages")
	}
	const least = 2 << 20 // the length of one
	p := memory(4 * least)
	if flags := pageFlags(t, uintptr(unsafe.Pointer(&p[len(p)/2]))); !slices.Contains(flags, "hg") {
		t.Errorf("flags of the memory are %v, want hg", flags)
	}
}

// pageFlags returns what the system says of the mapping that has an address; see
// proc_pid_smaps(5).
func pageFlags(t *testing.T, at uintptr) []string {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	within := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &lo, &hi); n == 2 {
			within = lo <= at && at < hi
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && within {
			return strings.Fields(flags)
		}
	}
	t.Skip("the system does not tell of the mapping")
	return nil
}
