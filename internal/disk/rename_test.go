package disk

import (
	"errors"
	"testing"
)

// What passes is tried until it does, and what does not once.
func TestPatiently(t *testing.T) {
	held, broken := errors.New("held"), errors.New("broken")
	passes := func(err error) bool { return err == held }
	for _, c := range []struct {
		come []error
		want error
	}{
		{[]error{nil}, nil},
		{[]error{held, held, held, nil}, nil},
		{[]error{held, broken}, broken},
		{[]error{broken}, broken},
	} {
		tries := 0
		err := patiently(func() error { tries++; return c.come[tries-1] }, passes)
		if err != c.want || tries != len(c.come) {
			t.Errorf("%v: %v after %d tries, want %v after %d", c.come, err, tries, c.want, len(c.come))
		}
	}
}

// What never passes ends.
func TestPatientlyGivesUp(t *testing.T) {
	if testing.Short() {
		t.Skip("waits two seconds")
	}
	held, tries := errors.New("held"), 0
	err := patiently(func() error { tries++; return held }, func(error) bool { return true })
	if err != held || tries < 5 {
		t.Errorf("%v after %d tries, want that it is held after some", err, tries)
	}
}
