package disk

import (
	"fmt"
	"io/fs"
)

// stamp tells a file from every other one of its system and from what it was
// before a change: its size, when it was last written to and, where the system
// tells them, its number and when it last changed. The last no program can set,
// unlike the time of writing: a file that was replaced by one of the same size and
// time has another stamp too.
func stamp(info fs.FileInfo) string {
	return fmt.Sprintf("%d bytes, written at %d%s", info.Size(), info.ModTime().UnixNano(), changed(info))
}
