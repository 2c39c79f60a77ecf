package ledger_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

func openCache(t *testing.T, path string) *ledger.Cache {
	t.Helper()
	c, err := ledger.OpenCache(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func closeCache(t *testing.T, c *ledger.Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, c *ledger.Cache, key, value string, ttl time.Duration) {
	t.Helper()
	if err := c.Set(t.Context(), key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

// get returns a value, or "none".
func get(t *testing.T, c *ledger.Cache, key string) string {
	t.Helper()
	value, ok, err := c.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "none"
	}
	return string(value)
}

// cacheOf writes a cache with n values, and returns its path and bytes.
func cacheOf(t *testing.T, n int) (string, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cache")
	c := openCache(t, path)
	for i := range n {
		set(t, c, fmt.Sprint("key ", i), fmt.Sprint("value ", i), time.Hour)
	}
	closeCache(t, c)
	return path, readFile(t, path)
}

// TestCache: a value is returned until its time is over, also when the file was closed
// meanwhile. What has expired goes from the file.
func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cache")
		c := openCache(t, path)
		reopen := func() {
			t.Helper()
			closeCache(t, c)
			c = openCache(t, path)
		}
		want := func(key, value string) {
			t.Helper()
			if got := get(t, c, key); got != value {
				t.Errorf("%s: got %q, want %q", key, got, value)
			}
		}
		odd := "growthgenius/1 200 1\n\x00\xff\"ü\""
		set(t, c, "odd", odd, time.Hour)
		set(t, c, "empty", "", time.Hour)
		if err := c.Set(t.Context(), "nil", nil, time.Hour); err != nil {
			t.Fatal(err)
		}
		set(t, c, "short", "secret", time.Minute)
		set(t, c, "twice", "a", time.Minute)
		set(t, c, "twice", "b", time.Hour)
		set(t, c, "removed", "a", time.Hour)
		set(t, c, "removed", "b", 0)
		for range 2 {
			want("odd", odd)
			want("empty", "")
			want("nil", "")
			want("short", "secret")
			want("twice", "b")
			want("removed", "none")
			want("ODD", "none")
			reopen()
		}
		time.Sleep(time.Minute)
		want("short", "none")
		if n, err := c.Purge(); n != 1 || err != nil {
			t.Errorf("Purge: %d, %v", n, err)
		}
		set(t, c, "short", "secret", time.Minute)
		time.Sleep(time.Minute)
		before := readFile(t, path)
		reopen()
		if after := readFile(t, path); !bytes.Contains(before, []byte(`"short"`)) || bytes.Contains(after, []byte(`"short"`)) || c.Len() != 4 {
			t.Errorf("an expired value is in the file: %s", after)
		}
		want("twice", "b")
		set(t, c, "twice", "", 0)
		if err := c.Compact(); err != nil || bytes.Contains(readFile(t, path), []byte(`"twice"`)) {
			t.Errorf("%v, a value that was removed is in the file", err)
		}
		closeCache(t, c)
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%v, mode %v", err, info.Mode())
		}
	})
}

// TestCacheIsItsOwn: a cache is not opened twice, nor as a ledger, and a ledger not as a cache.
func TestCacheIsItsOwn(t *testing.T) {
	t.Parallel()
	path, _ := cacheOf(t, 1)
	c := openCache(t, path)
	if _, err := ledger.OpenCache(path); err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("a second OpenCache: %v", err)
	}
	closeCache(t, c)
	if _, _, err := c.Get(t.Context(), "none"); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Get of a closed cache: %v", err)
	}
	if err := c.Set(t.Context(), "none", nil, time.Hour); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Set of a closed cache: %v", err)
	}
	if _, err := ledger.OpenFile(path, ledger.FileOptions{}); err == nil || !strings.Contains(err.Error(), "this is not a ledger file") {
		t.Errorf("a cache as a ledger: %v", err)
	}
	path, _ = ledgerOf(t, 1)
	if _, err := ledger.OpenCache(path); err == nil || !strings.Contains(err.Error(), "this is not a cache file") {
		t.Errorf("a ledger as a cache: %v", err)
	}
}

// TestCacheIsCutOff: wherever a crash ends the last write, all that was stored before it is
// there, and nothing counts as damaged.
func TestCacheIsCutOff(t *testing.T) {
	t.Parallel()
	path, data := cacheOf(t, 3)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for size := last; size < len(data); size += 9 {
		for name, torn := range map[string][]byte{
			"cut":   data[:size],
			"zeros": append(bytes.Clone(data[:size]), make([]byte, len(data)-size)...),
		} {
			writeFile(t, path, torn)
			c := openCache(t, path)
			set(t, c, "next", "next", time.Hour)
			closeCache(t, c)
			c = openCache(t, path)
			if c.Len() != 3 || c.Dropped() != 0 || get(t, c, "key 1") != "value 1" || get(t, c, "next") != "next" {
				t.Fatalf("%s at %d: %d values, %d lines dropped", name, size, c.Len(), c.Dropped())
			}
			closeCache(t, c)
		}
	}
}

// TestCacheIsDamaged: a changed byte costs the values of its line, or of two if it is their
// boundary. It is reported once, and no wrong value is returned.
func TestCacheIsDamaged(t *testing.T) {
	t.Parallel()
	path, data := cacheOf(t, 4)
	header := bytes.IndexByte(data, '\n') + 1
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for at := header; at < last-1; at++ {
		if at%11 != 0 && data[at] != '\n' {
			continue
		}
		damaged := bytes.Clone(data)
		damaged[at] ^= []byte{1, 0x80, '\n' ^ data[at]}[at%3]
		if bytes.Equal(damaged, data) {
			damaged[at] ^= 1
		}
		writeFile(t, path, damaged)
		c := openCache(t, path)
		lost := 0
		for i := range 4 {
			switch got := get(t, c, fmt.Sprint("key ", i)); got {
			case fmt.Sprint("value ", i):
			case "none":
				lost++
			default:
				t.Fatalf("byte %d: key %d has the value %q", at, i, got)
			}
		}
		if lost < 1 || lost > 2 || lost == 2 && data[at] != '\n' || c.Dropped() < 1 {
			t.Fatalf("byte %d: %d values lost, %d lines dropped", at, lost, c.Dropped())
		}
		set(t, c, "next", "next", time.Hour)
		closeCache(t, c)
		c = openCache(t, path)
		if c.Len() != 5-lost || c.Dropped() != 0 || get(t, c, "next") != "next" {
			t.Fatalf("byte %d, opened again: %d values, %d lines dropped", at, c.Len(), c.Dropped())
		}
		closeCache(t, c)
	}
}

// TestCacheOfAProcessThatIsKilled: what Set has stored is there after kill -9. A process that
// is being started has the files of this one open for a moment, and thus their locks.
func TestCacheOfAProcessThatIsKilled(t *testing.T) { //nolint:paralleltest // see above
	if path := os.Getenv("CACHE_TEST_FILE"); path != "" {
		storeForever(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "cache")
	total := 0
	for round := range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCacheOfAProcessThatIsKilled$")
		child.Env = append(os.Environ(), "CACHE_TEST_FILE="+path, fmt.Sprint("CACHE_TEST_ROUND=", round))
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var stored []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if stored = append(stored, lines.Text()); len(stored) == 200 {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		if len(stored) < 200 {
			t.Fatalf("it has stored %d values: %q", len(stored), stored)
		}
		c := openCache(t, path)
		for _, key := range stored {
			if got := get(t, c, key); got != "value of "+key {
				t.Errorf("%s: got %q", key, got)
			}
		}
		if total += len(stored); c.Len() < total || c.Dropped() != 0 {
			t.Errorf("%d values, %d lines dropped; %d were stored", c.Len(), c.Dropped(), total)
		}
		closeCache(t, c)
	}
}

// storeForever is the process that is killed. It prints the keys that are stored.
func storeForever(t *testing.T, path string) {
	c := openCache(t, path)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s.%d.%d", os.Getenv("CACHE_TEST_ROUND"), g, i)
				if err := c.Set(t.Context(), key, []byte("value of "+key), time.Hour); err != nil {
					t.Error(err)
					return
				}
				fmt.Println(key)
			}
		})
	}
	group.Wait()
}

// TestCacheOfAClient: a later process has what an earlier one has looked up.
func TestCacheOfAClient(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	path := filepath.Join(t.TempDir(), "cache")
	for range 3 {
		cache := openCache(t, path)
		c := testkit.Live(t, srv, growthgenius.WithEnrichmentCache(cache))
		if company, err := c.Enrichment.Company(t.Context(), "tesla.com"); err != nil || company.Name != "Tesla" {
			t.Errorf("%v, %v", company, err)
		}
		closeCache(t, cache)
	}
	if n := testkit.Count(srv, "GET", growthgeniustest.RouteCompany); n != 1 {
		t.Errorf("%d requests", n)
	}
}
