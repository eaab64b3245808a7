package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unsafe"

	"limbeck/tensor"
)

// WriteTo writes a file to w: the same arguments give the same bytes. Wider
// formats come first, which keeps every element aligned; else the order stays.
func WriteTo(w io.Writer, tensors []*tensor.Tensor) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b *tensor.Tensor) int { return cmp.Compare(b.Type.Size, a.Type.Size) })
	header, err := encodeHeader(tensors)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	b := bufio.NewWriter(w)
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	b.Write(header)
	for _, t := range tensors {
		b.Write(t.Data)
	}
	return b.Flush() // the first error of all writes
}

// encodeHeader pads with spaces to a multiple of 8. Transformers wants the
// metadata: it says that shapes are laid out as PyTorch does.
func encodeHeader(tensors []*tensor.Tensor) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"` + metadataKey + `":{"format":"pt"}`)
	seen := map[string]bool{metadataKey: true}
	end := 0
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("two tensors are named %q", t.Name)
		}
		seen[t.Name] = true
		f, err := formatOf(t.Type)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		size, err := byteSize(t.Type, t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if uint64(len(t.Data)) != size {
			return nil, fmt.Errorf("tensor %q: %d bytes, want %d for shape %v in %s",
				t.Name, len(t.Data), size, t.Shape, t.Type)
		}
		begin := end
		end += len(t.Data)
		key, _ := json.Marshal(t.Name) // strings always marshal
		shape, _ := json.Marshal(t.Shape)
		fmt.Fprintf(&b, `,%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, key, f.name, shape, begin, end)
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}

// aligned reports whether b can be viewed as float32s.
func aligned(b []byte) bool {
	return len(b) == 0 || uintptr(unsafe.Pointer(&b[0]))%4 == 0
}
