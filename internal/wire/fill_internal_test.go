package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKeptDecoders: a decoder that decoded a large text is not kept with its buffer.
func TestKeptDecoders(t *testing.T) {
	t.Parallel()
	data := []byte(`{"name":"` + strings.Repeat(`\\`, 2*maxScratch) + `"}`)
	dec := borrowDecoder(data)
	valid, err := dec.whole()
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Name  string                     `json:"name,omitzero"`
		Extra map[string]json.RawMessage `json:",embed,unknown"`
	}
	if err := dec.records.record(valid, &v); err != nil || len(v.Name) != 2*maxScratch {
		t.Fatalf("%d bytes, %v", len(v.Name), err)
	}
	if cap(dec.records.scratch) <= maxScratch {
		t.Fatal("the buffer is small anyway")
	}
	dec.clear()
	if n := cap(dec.records.scratch); n > maxScratch {
		t.Errorf("a decoder in the pool keeps %d bytes", n)
	}
	if dec.body.Cap() != 0 || dec.reader.dec != nil {
		t.Error("a decoder in the pool keeps its body")
	}
}

func TestWholeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"5": 5, "-5": -5, "5.0": 5, "5e1": 50, "-0": 0, "007": 7, "9223372036854775807": 9223372036854775807, "9007199254740992.0": 9007199254740992,
	} {
		if n, ok := wholeNumber(text); !ok || n != want {
			t.Errorf("%q: %d, %t", text, n, ok)
		}
	}
	for _, text := range []string{"", "+5", " 5", "5.5", "0x5", "0x1p4", "1_000", "x", "NaN", "inf", "1e400", "9223372036854775808", "9007199254740994.0", ".5e1", "5 "} {
		if n, ok := wholeNumber(text); ok {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// TestTexts: short strings share small blocks, and a long one has its own memory.
func TestTexts(t *testing.T) {
	t.Parallel()
	var made texts
	var all []string
	for range 1000 {
		all = append(all, made.of([]byte("short text")))
		if made.shared.Cap() > 2*sharedTexts {
			t.Fatalf("a block has %d bytes", made.shared.Cap())
		}
	}
	for _, text := range all {
		if text != "short text" {
			t.Fatalf("%q", text)
		}
	}
	before := made.shared.Len()
	long := strings.Repeat("x", longText+1)
	if text := made.of([]byte(long)); text != long || made.shared.Len() != before {
		t.Errorf("%q is in the block", text)
	}
}
