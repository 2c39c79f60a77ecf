package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Cache is a cache of lookups in a file: see [growthgenius.WithEnrichmentCache]. It is safe for
// concurrent use by all goroutines of one process.
//
// The file has the format of a ledger's. It holds what lookups returned, which is personal data,
// and is readable for its owner only. To remove what it has of a person, Set the key that
// [growthgenius.EnrichmentService.PersonKey] returns with a ttl of 0, and Compact the file.
type Cache struct{ file *File }

// OpenCache opens the cache in a file, and creates the file if it does not exist. The file
// belongs to this Cache until it is closed: a second OpenCache of any process fails. Values
// that have expired are removed from the file.
//
// Unlike a ledger, a cache whose file is damaged can be opened: what cannot be read is dropped,
// and its lookups are made again. Dropped returns how much that is.
func OpenCache(path string) (*Cache, error) {
	c := &Cache{newFile(path, header{cacheFile, version, ""})}
	c.file.salvage = true
	if err := c.file.open(); err != nil {
		return nil, err
	}
	if c.expired() {
		if _, err := c.Purge(); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// expired reports whether a value has expired.
func (c *Cache) expired() bool {
	now := time.Now()
	for _, at := range c.file.index {
		if !now.Before(at.time()) {
			return true
		}
	}
	return false
}

// Get implements [growthgenius.EnrichmentCache].
func (c *Cache) Get(_ context.Context, key string) (value []byte, ok bool, err error) {
	f := c.file
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.index[digestOf(key)]
	switch {
	case f.broken != nil:
		return nil, false, f.broken
	case !ok || !time.Now().Before(at.time()):
		return nil, false, nil
	}
	l, err := f.read(digestOf(key))
	if err == nil {
		err = json.Unmarshal(l.Entry.Note, &value)
	}
	if err != nil {
		return nil, false, fmt.Errorf("ledger: the cache: %w", err)
	}
	return value, true, nil
}

// Set implements [growthgenius.EnrichmentCache]. It returns when the value is on the disk. If
// ttl is 0 or less, it removes what is stored.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller's own
	}
	var entry growthgenius.Entry
	if ttl > 0 {
		var err error
		if entry.Note, err = json.Marshal(value); err != nil {
			return fmt.Errorf("ledger: a value cannot be encoded: %w", err)
		}
	}
	return c.file.putAt(key, time.Now().Add(ttl), growthgenius.Entry{}, entry)
}

// Len returns how many values the cache has. Some of them may have expired.
func (c *Cache) Len() int { return c.file.Len() }

// Dropped returns how many lines of the file were damaged when it was opened, those aside that
// were being written when a process ended. If there are any, look at the disk.
func (c *Cache) Dropped() int { return c.file.dropped }

// Purge removes the values that have expired from the file, and returns how many.
func (c *Cache) Purge() (int, error) {
	now := time.Now()
	return c.file.purge(func(_ digest, at place) (bool, error) { return !now.Before(at.time()), nil })
}

// Compact writes the file anew, without former values.
func (c *Cache) Compact() error { return c.file.Compact() }

// Close waits for writes that are under way, and closes the file.
func (c *Cache) Close() error { return c.file.Close() }
