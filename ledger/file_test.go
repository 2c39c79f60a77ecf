package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// put records an entry with an id under a key.
func put(t *testing.T, f *ledger.File, key string, id growthgenius.ID) {
	t.Helper()
	lease, err := f.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: id}); err != nil {
		t.Fatal(err)
	}
	_ = lease.Release(t.Context())
}

// idOf returns the id that is stored under a key.
func idOf(t *testing.T, f *ledger.File, key string) growthgenius.ID {
	t.Helper()
	lease, err := f.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lease.Release(t.Context()) }()
	return lease.Entry().ID
}

func closeFile(t *testing.T, f *ledger.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ledgerOf writes a ledger with n keys, and returns its path and bytes.
func ledgerOf(t *testing.T, n int) (string, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	f := openFile(t, path, "a test")
	for i := range n {
		put(t, f, fmt.Sprint("key ", i), growthgenius.IntID(int64(i+1)))
	}
	closeFile(t, f)
	return path, readFile(t, path)
}

// TestFileFormat: the file is JSON Lines, readable for its owner only, without the key of
// an API.
func TestFileFormat(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 2)
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) != 4 || len(lines[3]) != 0 {
		t.Fatalf("got %d lines in %s", len(lines), data)
	}
	var head map[string]any
	if err := json.Unmarshal(lines[0], &head); err != nil || head["ledger"] != "growthgenius" || head["for"] != "a test" || head["version"] != 1.0 {
		t.Errorf("header %s: %v", lines[0], err)
	}
	for i, l := range lines[1:3] {
		var stored struct {
			Key   string
			At    time.Time
			Entry growthgenius.Entry
			Write int
			Sum   string
		}
		if err := json.Unmarshal(l, &stored); err != nil {
			t.Fatal(err)
		}
		begin := len(bytes.Join(lines[:i+1], nil))
		if stored.Key != fmt.Sprint("key ", i) || stored.Entry.ID != growthgenius.IntID(int64(i+1)) ||
			time.Since(stored.At) > time.Hour || stored.Write != begin || len(stored.Sum) != 8 {
			t.Errorf("line %s", l)
		}
	}
	for _, name := range []string{path, path + ".lock"} {
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, mode %v", filepath.Base(name), err, info.Mode())
		}
	}
}

// TestFileIsReadAgain: what was stored last is there after the file was opened again.
func TestFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path, _ := ledgerOf(t, 20)
	f := openFile(t, path, "")
	put(t, f, "key 3", "a")
	put(t, f, "key 3", "b")
	lease, err := f.Acquire(t.Context(), "key 4")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Record(t.Context(), growthgenius.Entry{}); err != nil {
		t.Fatal(err)
	}
	closeFile(t, f)
	f = openFile(t, path, "a test")
	defer closeFile(t, f)
	if got := f.Len(); got != 19 {
		t.Errorf("Len: got %d, want 19", got)
	}
	for i := range 20 {
		want := growthgenius.IntID(int64(i + 1))
		switch i {
		case 3:
			want = "b"
		case 4:
			want = ""
		}
		if got := idOf(t, f, fmt.Sprint("key ", i)); got != want {
			t.Errorf("key %d: got id %q, want %q", i, got, want)
		}
	}
	put(t, f, "new", "5") // the id of key 4 is free
	put(t, f, "new", "a") // as is the former one of key 3
	taken, err := f.Acquire(t.Context(), "taken")
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: "b"}); !errors.Is(err, growthgenius.ErrIDTaken) {
		t.Errorf("Record of an id that was read: got %v, want ErrIDTaken", err)
	}
}

// step returns after how many bytes the next place of a file is tried.
func step() int {
	if testkit.Race {
		return 7
	}
	return 1
}

// TestFileIsCutOff: wherever a crash ends the last write, all that was acknowledged before
// it is there, and the ledger goes on.
func TestFileIsCutOff(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 3)
	header := bytes.IndexByte(data, '\n') + 1
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for size := header; size < len(data); size += step() {
		for name, torn := range map[string][]byte{
			"cut":   data[:size],
			"zeros": append(bytes.Clone(data[:size]), make([]byte, len(data)-size)...),
		} {
			writeFile(t, path, torn)
			if name == "zeros" && size < last {
				continue // of an earlier write: TestFileIsDamaged
			}
			whole := bytes.Count(data[:size], []byte("\n")) - 1
			f := openFile(t, path, "")
			if got := f.Len(); got != whole {
				t.Fatalf("%s at %d: got %d keys, want %d", name, size, got, whole)
			}
			put(t, f, "next", "next")
			closeFile(t, f)
			f = openFile(t, path, "")
			if got := f.Len(); got != whole+1 {
				t.Fatalf("%s at %d: got %d keys after one more, want %d", name, size, got, whole+1)
			}
			closeFile(t, f)
		}
	}
}

// TestFileLosesOneWriteOnly: if a line in the middle of the last write is damaged, the lines
// behind it were not acknowledged either.
func TestFileLosesOneWriteOnly(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 3)
	lines := bytes.SplitAfter(data, []byte("\n"))
	// The same lines, the last two of them of one write.
	two := ledger.Seal(nil, ledger.Members(lines[2]), int64(len(lines[0])+len(lines[1])))
	three := ledger.Seal(nil, ledger.Members(lines[3]), int64(len(lines[0])+len(lines[1])))
	two[12] ^= 1
	writeFile(t, path, slices.Concat(lines[0], lines[1], two, three))
	f := openFile(t, path, "")
	if got := f.Len(); got != 1 {
		t.Errorf("got %d keys, want 1", got)
	}
	closeFile(t, f)
	if got := readFile(t, path); !bytes.Equal(got, slices.Concat(lines[0], lines[1])) {
		t.Errorf("the file is now %s", got)
	}
}

// TestFileIsDamaged: a changed byte in what was acknowledged is an error that names the
// line, wherever it is, and the file is left as it is.
func TestFileIsDamaged(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 4)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for at := 0; at < last; at += step() {
		for _, bit := range []byte{1, 0x80, '\n' ^ data[at]} {
			if bit == 0 {
				continue
			}
			damaged := bytes.Clone(data)
			damaged[at] ^= bit
			writeFile(t, path, damaged)
			_, err := ledger.OpenFile(path, ledger.FileOptions{})
			if err == nil {
				t.Fatalf("byte %d changed by %#x: no error", at, bit)
			}
			line := bytes.Count(data[:at], []byte("\n")) + 1
			if want := fmt.Sprintf("line %d is damaged", line); line > 1 && !strings.Contains(err.Error(), want) {
				t.Fatalf("byte %d changed by %#x: got %q, want %q in it", at, bit, err, want)
			}
			if !bytes.Equal(readFile(t, path), damaged) {
				t.Fatalf("byte %d changed by %#x: the file was changed", at, bit)
			}
		}
	}
}

// TestFileIsAnother: other files are refused, and left as they are.
func TestFileIsAnother(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 1)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"another purpose": {data, `the ledger is for "a test", not for "another test"`},
		"text":            {[]byte("a,b\n1,2\n"), "not a ledger file"},
		"JSON":            {[]byte("{}\n"), "not a ledger file"},
		"no line":         {data[:20], "not a ledger file"},
		"a later version": {ledger.Seal(nil, []byte(`{"ledger":"growthgenius","version":2,"for":""`), 0), "version 2"},
		"another ledger":  {ledger.Seal(nil, []byte(`{"ledger":"x","version":1,"for":""`), 0), "not a ledger file"},
	} {
		writeFile(t, path, c.data)
		_, err := ledger.OpenFile(path, ledger.FileOptions{For: "another test"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want the path and %q in it", name, err, c.want)
		}
		if !bytes.Equal(readFile(t, path), c.data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := ledger.OpenFile(filepath.Join(path, "none", "ledger"), ledger.FileOptions{}); err == nil {
		t.Error("a folder that does not exist: no error")
	}
	writeFile(t, path, nil) // as mktemp does
	closeFile(t, openFile(t, path, "another test"))
}

// TestFileIsLocked: a file that is open cannot be opened again until it is closed.
func TestFileIsLocked(t *testing.T) {
	t.Parallel()
	path, _ := ledgerOf(t, 1)
	f := openFile(t, path, "")
	if _, err := ledger.OpenFile(path, ledger.FileOptions{}); err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("a second OpenFile: %v", err)
	}
	if err := f.Compact(); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenFile(path, ledger.FileOptions{}); err == nil {
		t.Error("a second OpenFile after Compact: no error")
	}
	closeFile(t, f)
	closeFile(t, openFile(t, path, ""))
}

// TestFileIsClosed: a closed ledger refuses all, and what waits for a key ends.
func TestFileIsClosed(t *testing.T) {
	t.Parallel()
	path, _ := ledgerOf(t, 1)
	f := openFile(t, path, "")
	held, err := f.Acquire(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		_, err := f.Acquire(context.WithoutCancel(t.Context()), "key")
		waited <- err
	}()
	for !f.Waits("key") {
		runtime.Gosched()
	}
	closeFile(t, f)
	if err := <-waited; !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("a wait for a key: %v", err)
	}
	_, again := f.Acquire(t.Context(), "another")
	_, purged := f.Purge(time.Now())
	for name, err := range map[string]error{
		"Acquire": again, "Record": held.Record(t.Context(), growthgenius.Entry{ID: "1"}),
		"Close": f.Close(), "Compact": f.Compact(), "Purge": purged,
	} {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
}

// TestFileIsCompacted: a file of which most is former entries is written anew by itself,
// while others write, and has all entries.
func TestFileIsCompacted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	f := openFile(t, path, "a test")
	note := json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
	var group sync.WaitGroup
	const keys, rounds = 16, 100
	for k := range keys {
		group.Go(func() {
			for n := range rounds {
				lease, err := f.Acquire(t.Context(), fmt.Sprint(k))
				if err == nil {
					err = lease.Record(t.Context(), growthgenius.Entry{
						Scope: "s", ID: growthgenius.ID(fmt.Sprint(k, "-", n)), Note: note,
					})
				}
				if err != nil {
					t.Error(err)
					return
				}
				_ = lease.Release(t.Context())
			}
		})
	}
	group.Wait()
	check := func() {
		for k := range keys {
			if got, want := idOf(t, f, fmt.Sprint(k)), growthgenius.ID(fmt.Sprint(k, "-", rounds-1)); got != want {
				t.Errorf("key %d: got %q, want %q", k, got, want)
			}
		}
	}
	check()
	if size := len(readFile(t, path)); size > 2<<20 {
		t.Errorf("the file has %d bytes, and wrote %d for %d that matter", size, keys*rounds*len(note), keys*len(note))
	}
	if err := f.Compact(); err != nil {
		t.Fatal(err)
	}
	check()
	if lines := bytes.Count(readFile(t, path), []byte("\n")); lines != keys+1 {
		t.Errorf("%d lines after Compact, want %d", lines, keys+1)
	}
	put(t, f, "one more", "1")
	closeFile(t, f)
	f = openFile(t, path, "a test")
	check()
	if got := f.Len(); got != keys+1 {
		t.Errorf("%d keys, want %d", got, keys+1)
	}
	closeFile(t, f)
}

// TestPurge: entries that are old and settled go. Those whose outcome is open, that are in
// use or that are newer stay.
func TestPurge(t *testing.T) {
	t.Parallel()
	path, _ := ledgerOf(t, 3)
	f := openFile(t, path, "")
	used, err := f.Acquire(t.Context(), "key 1")
	if err != nil {
		t.Fatal(err)
	}
	open, err := f.Acquire(t.Context(), "open")
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Record(t.Context(), growthgenius.Entry{Token: sampleToken(t)}); err != nil {
		t.Fatal(err)
	}
	_ = open.Release(t.Context())
	if n, err := f.Purge(time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("Purge of what is an hour old: %d, %v", n, err)
	}
	if n, err := f.Purge(time.Now().Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("Purge: %d, %v, want 2", n, err)
	}
	_ = used.Release(t.Context())
	put(t, f, "new", "1") // an id of an entry that was removed
	closeFile(t, f)
	f = openFile(t, path, "")
	for key, want := range map[string]growthgenius.ID{"key 0": "", "key 1": "2", "key 2": "", "new": "1"} {
		if got := idOf(t, f, key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if lease, err := f.Acquire(t.Context(), "open"); err != nil || lease.Entry().Token == nil {
		t.Errorf("the entry whose outcome is open: %v", err)
	}
	closeFile(t, f)
}

// TestPurgeFunc: the entries of a person go from the file. Others, and those of keys that are in
// use, stay.
func TestPurgeFunc(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	f := openFile(t, path, "")
	record := func(key, note string) growthgenius.Lease {
		t.Helper()
		lease, err := f.Acquire(t.Context(), key)
		if err == nil {
			err = lease.Record(t.Context(), growthgenius.Entry{Note: json.RawMessage(note)})
		}
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}
	for key, note := range map[string]string{"1": `"ada"`, "2": `"bob"`, "of ada": `"x"`} {
		_ = record(key, note).Release(t.Context())
	}
	used := record("used", `"ada too"`)
	ofAda := func(key string, e growthgenius.Entry) bool {
		return strings.Contains(key, "ada") || bytes.Contains(e.Note, []byte("ada"))
	}
	if n, err := f.PurgeFunc(ofAda); n != 2 || err != nil || f.Len() != 2 {
		t.Errorf("removed %d, %v; %d are left", n, err, f.Len())
	}
	_ = used.Release(t.Context())
	if n, err := f.PurgeFunc(ofAda); n != 1 || err != nil {
		t.Errorf("after its release, removed %d, %v", n, err)
	}
	closeFile(t, f)
	if _, err := f.PurgeFunc(ofAda); err == nil {
		t.Error("a closed ledger was purged")
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte("ada")) || !bytes.Contains(text, []byte("bob")) {
		t.Errorf("%v, the file is\n%s", err, text)
	}
}

func sampleToken(t *testing.T) *growthgenius.CreateToken {
	t.Helper()
	token := new(growthgenius.CreateToken)
	if err := json.Unmarshal([]byte(`{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{},"started":"2026-01-02T03:04:05Z"}`), token); err != nil {
		t.Fatal(err)
	}
	return token
}

// TestFailedWrite: after a write that failed nothing is stored and nothing is given out.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	path, data := ledgerOf(t, 1)
	f := openFile(t, path, "")
	lease, err := f.Acquire(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	f.Spoil()
	if err := lease.Record(t.Context(), growthgenius.Entry{ID: "1"}); !errors.Is(err, os.ErrClosed) || lease.Entry().ID != "" {
		t.Errorf("Record: %v, and the entry has the id %q", err, lease.Entry().ID)
	}
	if _, err := f.Acquire(t.Context(), "another"); err == nil || !strings.Contains(err.Error(), "open it again") {
		t.Errorf("Acquire after a write that failed: %v", err)
	}
	_ = f.Close()
	if !bytes.Equal(readFile(t, path), data) {
		t.Error("the file was changed")
	}
}
