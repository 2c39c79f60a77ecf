package growthgenius

import (
	"strings"
	"testing"
)

// TestKeptDecoders is not parallel: nobody else may borrow what it looks at.
func TestKeptDecoders(t *testing.T) { //nolint:paralleltest // see above
	data := []byte(`{"name":"` + strings.Repeat(`\\`, 2*mostKept) + `"}`)
	dec := borrowDecoder(data)
	valid, err := dec.whole()
	if err != nil {
		t.Fatal(err)
	}
	var c Contact
	if err := dec.records.record(valid, &c); err != nil || len(c.Name) != 2*mostKept {
		t.Fatalf("%d bytes, %v", len(c.Name), err)
	}
	dec.giveBack()
	if n := cap(dec.records.scratch); n > mostKept {
		t.Errorf("a decoder in the pool keeps %d bytes", n)
	}
}
