package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// compactFrom is the size in bytes from which on a file is written anew when most of it is
// former entries.
const compactFrom = 1 << 20

// What is appended to the path of a ledger file.
const (
	suffixLock = ".lock"
	suffixNew  = ".new"
)

var errInUse = errors.New("another process, or another part of this one, has it open")

// FileOptions are the settings of a ledger file.
type FileOptions struct {
	// For says what the ledger is for: for example "import of customers.csv". A new file
	// stores it, and OpenFile refuses a file that is for something else.
	For string
}

// File is a ledger in a file. It is safe for concurrent use.
//
// The file has one JSON object a line, with a checksum, and each change is appended to it.
// It is readable for its owner only: it holds what was sent to create records, which is
// personal data. Beside it is a lock file, whose name ends in ".lock". Network file systems
// whose locks do not reach other machines must not be used.
type File struct {
	path   string
	lock   *os.File
	header header
	turns  turns.Turns

	mu      sync.Mutex // guards the fields below
	idle    sync.Cond  // no write is under way
	file    *os.File
	index   map[digest]place
	ids     ids[digest, digest]
	end     int64   // of what is written
	live    int64   // bytes of the lines in index
	pending []*item // to be written next
	writing bool
	last    lastWrite
	broken  error // why nothing can be written any more

	salvage bool // of a damaged file, read what can be read
	dropped int  // how many lines could not
}

// lastWrite is how many items the last write has stored, and how long it took.
type lastWrite struct {
	items int
	took  time.Duration
}

// place is where the newest line of a key is.
type place struct {
	offset int64
	at     int64 // microseconds since 1970: see stamp
	length int32
	id     digest
}

// digest identifies a key, or an id within its scope. A ledger of many entries has these in
// memory: they take less than the texts do.
type digest [16]byte

func digestOf(key string) digest {
	sum := sha256.Sum256([]byte(key))
	return digest(sum[:])
}

// digest returns the zero digest for no id.
func (id scopedID) digest() digest {
	if id == (scopedID{}) {
		return digest{}
	}
	return digestOf(id.scope + "\x00" + string(id.id))
}

func stamp(t time.Time) int64 { return t.UnixMicro() }

// time returns when the line was stored, or, in a cache, when it expires.
func (p place) time() time.Time { return time.UnixMicro(p.at) }

// item is a line that waits to be written.
type item struct {
	key     digest
	at      time.Time
	id      digest
	members []byte
	removed bool // the entry is the zero one
	done    chan struct{}
	err     error // set when done is closed
}

// OpenFile opens the ledger in a file, and creates the file if it does not exist. The file
// belongs to this File until it is closed: a second OpenFile of any process fails.
//
// If the last write was cut off by a crash, its lines are removed from the first damaged
// one on. They were not acknowledged. Damage anywhere else is an error that names the line:
// without that line, a create could be repeated.
func OpenFile(path string, o FileOptions) (*File, error) {
	f := newFile(path, header{ledgerFile, version, o.For})
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func newFile(path string, h header) *File {
	return &File{path: path, header: h, index: map[digest]place{}, ids: ids[digest, digest]{}}
}

// open locks the file, and opens it.
func (f *File) open() error {
	f.idle.L = &f.mu
	held, err := lock(f.path + suffixLock)
	if err != nil {
		return fmt.Errorf("ledger: opening %s: %w", f.path, err)
	}
	f.lock = held
	_ = os.Remove(f.path + suffixNew) // of a process that ended as it compacted
	if err := f.start(); err != nil {
		if f.file != nil {
			_ = f.file.Close()
		}
		_ = held.Close()
		return fmt.Errorf("ledger: opening %s: %w", f.path, err)
	}
	return nil
}

// start opens the file and loads it, or creates it.
func (f *File) start() error {
	var err error
	switch f.file, err = os.OpenFile(f.path, os.O_RDWR, 0); {
	case errors.Is(err, fs.ErrNotExist):
		return f.compact()
	case err != nil:
		return err //nolint:wrapcheck // names the file
	}
	info, err := f.file.Stat()
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	if info.Size() == 0 {
		return f.compact()
	}
	return f.load()
}

// Acquire implements [growthgenius.Ledger].
func (f *File) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	if err := take(ctx, &f.turns, key); err != nil {
		return nil, err
	}
	entry, err := f.entry(key)
	if err != nil {
		f.turns.Give(key)
		return nil, err
	}
	return &lease{turns: &f.turns, store: f, key: key, entry: entry}, nil
}

// entry reads what is stored under a key.
func (f *File) entry(key string) (growthgenius.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return growthgenius.Entry{}, f.broken
	}
	l, err := f.read(digestOf(key))
	return l.Entry, err
}

// read reads the line of a key. It needs mu.
func (f *File) read(key digest) (line, error) {
	var l line
	at, ok := f.index[key]
	if !ok {
		return l, nil
	}
	data := make([]byte, at.length)
	_, err := f.file.ReadAt(data, at.offset)
	if err == nil {
		err = open(data, &l)
	}
	if err != nil {
		return line{}, fmt.Errorf("ledger: reading %s at offset %d: %w", f.path, at.offset, err)
	}
	return l, nil
}

// put stores an entry, and returns when it is on the disk.
func (f *File) put(key string, from, to growthgenius.Entry) error {
	return f.putAt(key, time.Now(), from, to)
}

func (f *File) putAt(key string, at time.Time, from, to growthgenius.Entry) error {
	it := &item{key: digestOf(key), at: at.UTC(), id: idOf(to).digest(), removed: to.IsZero(), done: make(chan struct{})}
	var err error
	if it.members, err = encode(line{key, it.at, to}); err != nil {
		return err
	}
	if err := f.enqueue(it, idOf(from).digest()); err != nil {
		return err
	}
	<-it.done
	return it.err
}

func (f *File) taken(key string, id scopedID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids.taken(digestOf(key), id.digest())
}

// enqueue has an item written. from is the digest of the id that the key has so far.
func (f *File) enqueue(it *item, from digest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if err := f.ids.move(it.key, from, it.id); err != nil {
		return err
	}
	f.pending = append(f.pending, it)
	if !f.writing {
		f.writing = true
		go f.write()
	}
	return nil
}

// write writes what is pending, all at a time, until nothing is.
func (f *File) write() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var data []byte
	for len(f.pending) > 0 {
		f.gather()
		began := time.Now()
		items, begin, file := f.pending, f.end, f.file
		f.pending = nil
		err := f.broken
		places := make([]place, len(items))
		f.mu.Unlock()
		data = data[:0]
		for i, it := range items {
			from := len(data)
			data = seal(data, it.members, begin)
			places[i] = place{begin + int64(from), stamp(it.at), int32(len(data) - from), it.id} //nolint:gosec // a line is far shorter
		}
		if err == nil {
			err = appendAt(file, data, begin)
		}
		f.mu.Lock()
		f.written(items, places, int64(len(data)), err)
		f.last = lastWrite{len(items), time.Since(began)}
	}
	if f.broken == nil && f.end > compactFrom && f.live < f.end/2 {
		_ = f.compact() // what fails next returns the error
	}
	f.writing = false
	f.idle.Broadcast()
}

// gather waits, for a small part of what a write takes, until the goroutines that the last write
// has released have added what they store next. Otherwise the first of them would have a write
// to itself. It needs mu.
func (f *File) gather() {
	for began := time.Now(); len(f.pending) < f.last.items && time.Since(began) < f.last.took/4; {
		f.mu.Unlock()
		runtime.Gosched()
		f.mu.Lock()
	}
}

// appendAt writes at the end of a file, and syncs it.
func appendAt(file *os.File, data []byte, end int64) error {
	if _, err := file.WriteAt(data, end); err != nil {
		return err //nolint:wrapcheck // names the file
	}
	return file.Sync() //nolint:wrapcheck // names the file
}

// written takes over what a write has stored. After a write that failed, what is on the disk
// is not known, so the ledger must be read again before it is used.
func (f *File) written(items []*item, places []place, size int64, err error) {
	if err != nil && f.broken == nil {
		f.broken = fmt.Errorf("ledger: writing failed, close the ledger and open it again: %w", err)
	}
	if err == nil {
		f.end += size
	}
	for i, it := range items {
		if err == nil {
			f.set(it.key, places[i], it.removed)
		}
		it.err = f.broken
		close(it.done)
	}
}

// set makes a line the newest one of its key.
func (f *File) set(key digest, at place, removed bool) {
	former := f.index[key]
	f.live -= int64(former.length)
	if f.ids[former.id] == key && former.id != at.id {
		delete(f.ids, former.id)
	}
	if removed {
		delete(f.index, key)
		return
	}
	if at.id != (digest{}) {
		f.ids[at.id] = key
	}
	f.index[key] = at
	f.live += int64(at.length)
}

// Len returns how many keys have an entry.
func (f *File) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.index)
}

// Close waits for writes that are under way, and closes the file. What waits for a key is
// given [ErrClosed].
func (f *File) Close() error {
	if !f.turns.Close(ErrClosed) {
		return ErrClosed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.writing {
		f.idle.Wait()
	}
	if f.broken == nil {
		f.broken = ErrClosed
	}
	err := f.file.Close()
	return errors.Join(err, f.lock.Close())
}

// Purge removes the entries that were stored before a time and whose ID is known, and
// returns how many. A create under such a key creates again. Entries without an ID, whose
// outcome is open, and those of keys that are in use stay.
func (f *File) Purge(before time.Time) (int, error) {
	return f.purge(func(key digest, at place) (bool, error) {
		if !at.time().Before(before) {
			return false, nil
		}
		l, err := f.read(key)
		_, held := f.turns.Waiting(l.Key)
		return !held && (l.Entry.ID != "" || l.Entry.Token == nil), err
	})
}

// Compact writes the file anew, with the newest line of each key only.
func (f *File) Compact() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.pause(); err != nil {
		return err
	}
	defer f.resume()
	return f.compact()
}

// pause waits until no write is under way, and holds back those to come. It needs mu, as do
// resume and compact.
func (f *File) pause() error {
	for f.writing && f.broken == nil {
		f.idle.Wait()
	}
	if f.broken == nil {
		f.writing = true
	}
	return f.broken
}

func (f *File) resume() {
	if len(f.pending) > 0 {
		go f.write()
		return
	}
	f.writing = false
	f.idle.Broadcast()
}
