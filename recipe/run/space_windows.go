package run

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// freeDisk returns the bytes that the user may still write to dir's disk.
func freeDisk(dir string) (int64, bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return int64(free), err == nil
}

func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// memoryStatus is MEMORYSTATUSEX of the Windows API.
type memoryStatus struct {
	length, load                                    uint32
	total, available                                uint64
	totalPage, availablePage, totalVirtual, virtual uint64
	extended                                        uint64
}

var globalMemoryStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

// availableMemory returns the bytes that programs can still have.
func availableMemory() (int64, bool) {
	s := memoryStatus{}
	s.length = uint32(unsafe.Sizeof(s))
	ok, _, _ := globalMemoryStatus.Call(uintptr(unsafe.Pointer(&s)))
	return int64(s.available), ok != 0
}

func watchMemory() func() int64 { return func() int64 { return 0 } }
