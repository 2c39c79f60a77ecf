package testkit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Sample returns a file of the repository's testdata folder.
func Sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// testdata finds the folder with the samples, which is beside go.mod in the folder of the
// test or in one above it.
func testdata(t testing.TB) string {
	t.Helper()
	for dir := "."; ; dir = filepath.Join("..", dir) {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "contact.json")); err == nil {
			return filepath.Join(dir, "testdata")
		}
		if abs, err := filepath.Abs(dir); err != nil || abs == filepath.Dir(abs) {
			t.Fatalf("no folder above has testdata/contact.json: %v", err)
		}
	}
}

// Inside returns the record in the envelope of a sample.
func Inside(t testing.TB, name, envelope string) []byte {
	t.Helper()
	return Decode[map[string]json.RawMessage](t, string(Sample(t, name)))[envelope]
}

// JSON encodes v, or fails the test.
func JSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Decode decodes data, or fails the test.
func Decode[T any](t testing.TB, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%T from %.200s: %v", v, data, err)
	}
	return v
}
