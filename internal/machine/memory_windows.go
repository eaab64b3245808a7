package machine

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is MEMORYSTATUSEX of the Windows API.
type memoryStatus struct {
	length, load                                    uint32
	total, available                                uint64
	totalPage, availablePage, totalVirtual, virtual uint64
	extended                                        uint64
}

var globalMemoryStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

func askMemory() (memoryStatus, bool) {
	s := memoryStatus{}
	s.length = uint32(unsafe.Sizeof(s))
	ok, _, _ := globalMemoryStatus.Call(uintptr(unsafe.Pointer(&s)))
	return s, ok != 0
}

// AvailableMemory returns the bytes that programs can still have; ok is false
// if the system does not tell.
func AvailableMemory() (n int64, ok bool) {
	s, ok := askMemory()
	return int64(s.available), ok
}

func totalMemory() (all, limit int64) {
	s, _ := askMemory()
	return int64(s.total), 0
}
